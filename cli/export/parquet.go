package export

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"
)

// Parquet is a ClickHouse that holds the decoded records and writes them as Parquet, over its HTTP interface.
type Parquet struct {
	URL string // with the database as its path, and a user and password if need be
}

// write has the first size records of a ledger written to a file. It is an error if ClickHouse has not all of them.
func (p *Parquet) write(ctx context.Context, ledger string, size int64, file string) error {
	var count bytes.Buffer
	const which = " FROM records WHERE ledger = {ledger:String} AND sequence < {size:Int64} "
	if err := p.query(ctx, "SELECT count()"+which+"FORMAT TabSeparated", ledger, size, &count); err != nil {
		return err
	}
	if has := strings.TrimSpace(count.String()); has != strconv.FormatInt(size, 10) {
		return fmt.Errorf("ClickHouse has %s of the %d records of ledger %s; wait for the sink, or leave Parquet out with --no-clickhouse", has, size, ledger)
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	err = p.query(ctx, "SELECT * EXCEPT (body)"+which+"ORDER BY sequence FORMAT Parquet", ledger, size, f)
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return whole(file)
}

// whole says whether a file is one of Parquet, which ends as it begins: ClickHouse may fail after it has said 200 OK.
func whole(file string) error {
	const magic = "PAR1"
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	var first, last [len(magic)]byte
	info, err := f.Stat()
	if err == nil {
		_, err = f.ReadAt(first[:], 0)
	}
	if err == nil {
		_, err = f.ReadAt(last[:], info.Size()-int64(len(magic)))
	}
	if err != nil || string(first[:]) != magic || string(last[:]) != magic {
		return errors.Join(errors.New("ClickHouse's answer is no whole Parquet file"), err)
	}
	return nil
}

func (p *Parquet) query(ctx context.Context, sql, ledger string, size int64, to io.Writer) error {
	u, err := url.Parse(p.URL)
	if err != nil {
		return fmt.Errorf("--clickhouse-url: %w", err)
	}
	at := url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/", RawQuery: url.Values{"database": {path.Base(u.Path)}, "param_ledger": {ledger},
		"param_size": {strconv.FormatInt(size, 10)}}.Encode()}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at.String(), strings.NewReader(sql))
	if err != nil {
		return fmt.Errorf("--clickhouse-url: %w", err)
	}
	if password, ok := u.User.Password(); ok || u.User.Username() != "" {
		req.SetBasicAuth(u.User.Username(), password)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("ClickHouse: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		why, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<12)) // it explains; without it the status does
		return fmt.Errorf("ClickHouse: %s: %s", resp.Status, bytes.TrimSpace(why))
	}
	if _, err := io.Copy(to, resp.Body); err != nil {
		return fmt.Errorf("ClickHouse: %w", err)
	}
	return nil
}
