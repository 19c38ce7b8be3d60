package insert

import (
	"context"
	"errors"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/pressly/goose/v3"

	schema "github.com/casetrail/casetrail/pipelines/clickhouse"
)

// Migrate makes the database and brings its tables and views up to date. Two that do so at once do no harm, nor does
// stopping half-way: each statement may be repeated.
func (d *Database) Migrate(ctx context.Context) (err error) {
	if err := d.create(ctx); err != nil {
		return fmt.Errorf("make the ClickHouse database %q: %w", d.Name(), err)
	}
	opt := *d.opt
	opt.MaxOpenConns, opt.MaxIdleConns = 1, 1
	db := clickhouse.OpenDB(&opt)
	defer func() { err = errors.Join(err, db.Close()) }()
	p, err := goose.NewProvider(goose.DialectClickHouse, db, schema.Migrations, goose.WithDisableGlobalRegistry(true),
		goose.WithTableName("schema_migrations"))
	if err != nil {
		return fmt.Errorf("the ClickHouse schema: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("the ClickHouse schema: %w", err)
	}
	return nil
}

// create makes the database over a connection that doesn't name it, as it may not be there yet.
func (d *Database) create(ctx context.Context) (err error) {
	opt := *d.opt
	opt.Auth.Database = "default"
	opt.MaxOpenConns, opt.MaxIdleConns = 1, 1
	conn, err := clickhouse.Open(&opt)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	return conn.Exec(ctx, "CREATE DATABASE IF NOT EXISTS `"+d.Name()+"`")
}

// Expect names the partitions that the windows wait for: 0 to n-1.
func (d *Database) Expect(ctx context.Context, n int32) error {
	p := &partitions{make([]int32, n)}
	for i := range p.list {
		p.list[i] = int32(i)
	}
	return insertInto(ctx, d, "partitions", "", partitionColumns, p)
}

type partitions struct{ list []int32 }

var partitionColumns = []column[partitions]{col("partition", "Int32", func(p *partitions) *[]int32 { return &p.list })}
