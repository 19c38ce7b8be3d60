package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/casetrail/casetrail/cli/embedded/clickhouse"
	"github.com/casetrail/casetrail/cli/stack"
)

// listen is where the embedded stack listens.
type listen struct {
	KafkaListen      string `default:"127.0.0.1:9092" placeholder:"HOST:PORT" help:"Where the embedded broker listens."`
	RegistryListen   string `default:"127.0.0.1:8081" placeholder:"HOST:PORT" help:"Where the embedded schema registry listens."`
	ClickHouseListen string `name:"clickhouse-listen" default:"127.0.0.1:8123" placeholder:"HOST:PORT" help:"Where the embedded ClickHouse engine listens."`
	Cache            string `env:"CASETRAIL_CACHE" placeholder:"DIR" help:"Where the engine's library is kept. Left out, the user's cache directory."`
}

func (l *listen) options(data string, logLine func(string)) (stack.Options, error) {
	cache := l.Cache
	if cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return stack.Options{}, fmt.Errorf("%w; name a directory with --cache", err)
		}
		cache = filepath.Join(dir, "casetrail")
	}
	self, err := os.Executable()
	if err != nil {
		return stack.Options{}, err
	}
	return stack.Options{DataDir: data, CacheDir: cache, Kafka: l.KafkaListen, Registry: l.RegistryListen, ClickHouse: l.ClickHouseListen,
		Engine: func(lib, dir, addr string) []string {
			return []string{self, "embedded-clickhouse", "--lib", lib, "--dir", dir, "--listen", addr}
		},
		Progress: os.Stderr, Log: logLine}, nil
}

type embeddedCommand struct {
	listen     `embed:""`
	Data       string `default:"data" type:"path" help:"Where the data lie."`
	NoEngine   bool   `help:"Run no ClickHouse engine."`
	Partitions int    `default:"4" help:"Partitions of each topic that has more than one."`
}

// Run runs the embedded stack until it is interrupted.
func (c *embeddedCommand) Run(ctx context.Context) error {
	o, err := c.options(c.Data, func(string) {})
	if err != nil {
		return err
	}
	if c.NoEngine {
		o.ClickHouse = ""
	}
	s, err := stack.Start(ctx, o)
	if err != nil {
		return err
	}
	defer func() { _ = s.Stop() }() // on the way out; Wait says why
	client, err := newClient(s.Brokers)
	if err != nil {
		return err
	}
	defer client.Close()
	if err := createTopics(ctx, client, c.Partitions, 0); err != nil {
		return err
	}
	fmt.Printf("kafka %s\nregistry %s\nclickhouse %s pid %d\nready\n", s.Brokers[0], s.Registry, s.ClickHouse, s.EnginePID())
	return s.Wait(ctx)
}

// engineCommand is the process that up and embedded start for the ClickHouse engine.
type engineCommand struct {
	Lib    string `required:""`
	Dir    string `required:""`
	Listen string `required:""`
}

// Run serves the engine.
func (c *engineCommand) Run(ctx context.Context) error {
	return clickhouse.Serve(ctx, clickhouse.Options{Lib: c.Lib, DataDir: c.Dir, Addr: c.Listen})
}
