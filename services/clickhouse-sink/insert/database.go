// Package insert is the sink without its topics: the fold that cuts ledgers into blocks, the columns of the tables, and how
// they get into ClickHouse so that whatever is sent twice counts once.
package insert

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/casetrail/casetrail/pipelines/kafka"
)

// DefaultDatabase is used where the URL names none.
const DefaultDatabase = "casetrail"

// Database is Casetrail's database in ClickHouse. It is safe for concurrent use.
type Database struct {
	conn   driver.Conn
	opt    *clickhouse.Options
	doubts doubts
}

// Open parses http://user:password@host:port/database (or https). It does not connect.
func Open(address string) (*Database, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("the ClickHouse URL is no URL") // the error would show the password
	}
	if q := u.Query(); u.Scheme == "https" && !q.Has("secure") {
		q.Set("secure", "true")
		u.RawQuery = q.Encode()
	}
	opt, err := clickhouse.ParseDSN(u.String())
	if err != nil {
		return nil, fmt.Errorf("the ClickHouse URL: %w", err)
	}
	if opt.Protocol != clickhouse.HTTP {
		return nil, errors.New("the ClickHouse URL must begin with http:// or https://: the sink speaks ClickHouse's HTTP interface")
	}
	if opt.Auth.Database == "" {
		opt.Auth.Database = DefaultDatabase
	}
	if strings.ContainsAny(opt.Auth.Database, "`\\\x00") {
		return nil, fmt.Errorf("the ClickHouse URL: %q can't be a database's name", opt.Auth.Database)
	}
	opt.Compression = &clickhouse.Compression{Method: clickhouse.CompressionLZ4}
	opt.MaxOpenConns, opt.MaxIdleConns = 8, 8
	opt.DialTimeout, opt.ReadTimeout = 5*time.Second, time.Minute
	if opt.Settings == nil {
		opt.Settings = clickhouse.Settings{}
	}
	for name, v := range settings {
		opt.Settings[name] = v
	}
	conn, err := clickhouse.Open(opt)
	if err != nil {
		return nil, fmt.Errorf("the ClickHouse URL: %w", err)
	}
	return &Database{conn: conn, opt: opt}, nil
}

// settings make an INSERT one block that counts once, in its table and in the views behind it, and answer when it is
// durable.
var settings = clickhouse.Settings{
	"async_insert": 0,
	"deduplicate_blocks_in_dependent_materialized_views": 1,
	"insert_deduplicate":               1,
	"materialized_views_ignore_errors": 0,
	"wait_end_of_query":                1,
}

// Name is the database's name.
func (d *Database) Name() string { return d.opt.Auth.Database }

// Private tells whether what is sent stays on this machine or is encrypted.
func (d *Database) Private() bool {
	if d.opt.TLS != nil {
		return true
	}
	for _, addr := range d.opt.Addr {
		if host, _, err := net.SplitHostPort(addr); err != nil || !kafka.Loopback(host) {
			return false
		}
	}
	return true
}

// Close closes idle connections.
func (d *Database) Close() error { return d.conn.Close() }

// insertInto sends rows as one block. Without a token the table's engine drops what comes twice; such a
// table must have no deduplication window, since a hash noted before a kill would keep the rows out for ever.
func insertInto[T any](ctx context.Context, d *Database, table, token string, columns []column[T], rows *T) error {
	names := make([]string, len(columns))
	types := make([]clickhouse.ColumnNameAndType, len(columns))
	for i, c := range columns {
		names[i] = "`" + c.name + "`"
		types[i] = clickhouse.ColumnNameAndType{Name: c.name, Type: c.typ}
	}
	set := clickhouse.Settings{}
	if token != "" {
		set["insert_deduplication_token"] = token
	}
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(set), clickhouse.WithColumnNamesAndTypes(types))
	b, err := d.conn.PrepareBatch(ctx, "INSERT INTO "+table+" ("+strings.Join(names, ", ")+")")
	if err != nil {
		return fmt.Errorf("insert into %s: %w", table, err)
	}
	for i, c := range columns {
		if err := b.Column(i).Append(c.values(rows)); err != nil {
			return errors.Join(fmt.Errorf("%w: column %s.%s: %w", ErrUnsendable, table, c.name, err), b.Abort())
		}
	}
	if err := b.Send(); err != nil {
		return fmt.Errorf("insert into %s: %w", table, err)
	}
	return nil
}

// ErrUnsendable says that values don't fit their columns: trying again can't help.
var ErrUnsendable = errors.New("values don't fit the table")
