package main

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/kafka"
	"github.com/casetrail/casetrail/pipelines/process"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
)

// cluster is how a command reaches a running Casetrail.
type cluster struct {
	process.Config `embed:""`
	ClickHouse     string `name:"clickhouse-url" env:"CASETRAIL_CLICKHOUSE_URL" default:"http://127.0.0.1:8123/casetrail" placeholder:"URL" help:"ClickHouse's HTTP interface, with the database."`
}

// connectTime bounds how long a command waits for brokers and registry before it says that they are not there.
const connectTime = 10 * time.Second

// connect checks the settings, reaches the brokers and learns the ids of a stage's schemas, or of all.
func (c *cluster) connect(ctx context.Context, stage string) (*kafka.Client, *schemas.Codec, error) {
	return c.with(ctx, pipelines.Subjects(stage))
}

// with is connect, for some schemas.
func (c *cluster) with(ctx context.Context, subjects []schemas.Subject) (*kafka.Client, *schemas.Codec, error) {
	client, err := c.client(ctx)
	if err != nil {
		return nil, nil, err
	}
	wait, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	codec, err := schemas.Register(wait, c.Registry, subjects)
	if err != nil {
		client.Close()
		return nil, nil, err
	}
	return client, codec, nil
}

func (c *cluster) client(ctx context.Context) (*kafka.Client, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	cfg, err := c.Kafka()
	if err != nil {
		return nil, err
	}
	client, err := kafka.NewClient(cfg)
	if err != nil {
		return nil, err
	}
	wait, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	if err := client.Ping(wait); err != nil {
		client.Close()
		return nil, fmt.Errorf("%w; is Casetrail running (make up), or is --kafka-brokers another?", err)
	}
	return client, nil
}

// database opens ClickHouse and checks that it answers.
func (c *cluster) database(ctx context.Context) (driver.Conn, error) {
	opt, err := clickhouse.ParseDSN(c.ClickHouse)
	if err != nil {
		return nil, fmt.Errorf("--clickhouse-url: %w", err)
	}
	db, err := clickhouse.Open(opt)
	if err != nil {
		return nil, fmt.Errorf("ClickHouse: %w", err)
	}
	if err := db.Ping(ctx); err != nil {
		_ = db.Close() // the ping's error says more
		return nil, fmt.Errorf("ClickHouse does not answer at --clickhouse-url: %w", err)
	}
	return db, nil
}

// log is the cluster as verify reads it.
type log struct {
	*kafka.Client
	codec *schemas.Codec
}

func (l log) Partitions(ctx context.Context, topic string) (int32, error) {
	n, err := l.Client.Partitions(ctx, topic)
	return n[topic], err
}

func (l log) Read(ctx context.Context, tp stage.TopicPartition, fn func(stage.Record) error) (int64, error) {
	bounds, err := l.Offsets(ctx, tp.Topic)
	if err != nil {
		return 0, err
	}
	b := bounds[tp.Partition]
	return b.First, l.ReadRange(ctx, tp, b.First, b.End, func(r stage.Record) error {
		if err := l.codec.Await(ctx, r.Value); err != nil { // another version may have written it
			return err
		}
		return fn(r)
	})
}
