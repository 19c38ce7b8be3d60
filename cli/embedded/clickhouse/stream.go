package clickhouse

import (
	"errors"
	"io"
	"strings"
)

// errNotStreamable says that the engine can run a statement only as a whole.
var errNotStreamable = errors.New("the engine can't stream this statement")

// stream runs a SELECT and hands over its blocks one by one, each formatted as a document of its own. use
// mustn't keep what it is given; its error cancels the statement.
func (c *conn) stream(sql, format string, params map[string]string, st *stats, use func([]byte) error) error {
	s := c.call(c.lib.streamQuery, sql, format, params)
	defer c.lib.resultFree(s)
	if err := c.lib.err(s); err != nil {
		if strings.Contains(err.Error(), "Streaming query is not supported for query") {
			return errNotStreamable
		}
		return err
	}
	for {
		more, err := c.block(s, st, use)
		if err != nil || !more {
			return err
		}
	}
}

func (c *conn) block(s ptr, st *stats, use func([]byte) error) (more bool, err error) {
	r := c.lib.fetch(c.handle(), s)
	defer c.lib.resultFree(r)
	if err := c.lib.err(r); err != nil {
		return false, err
	}
	c.lib.count(r, st)
	b := c.lib.bytes(r)
	if len(b) == 0 {
		return false, nil
	}
	if err := use(b); err != nil {
		c.lib.cancelQuery(c.handle(), s)
		return false, err
	}
	return true, nil
}

// insert feeds data into "INSERT INTO t (...)", a statement without its FORMAT clause. The insert is committed
// only when data ends with io.EOF: any other error cancels it, so a torn body leaves nothing behind but whole
// blocks that the engine had already cut (as a real server does).
func (c *conn) insert(sql, format string, params map[string]string, st *stats, data io.Reader) error {
	s := c.call(c.lib.streamInsert, sql, format, params)
	defer c.lib.insertFree(s)
	if msg := goString(c.lib.insertError(s)); msg != "" {
		return errors.New(strings.TrimRight(msg, "\n"))
	}
	buf := make([]byte, 1<<20)
	for {
		n, err := fill(data, buf)
		if n > 0 && c.lib.insertAppend(s, ptr(&buf[0]), uintptr(n)) != 0 {
			break // the engine has stopped reading; insertDone tells why
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			c.lib.insertCancel(s)
			return err
		}
	}
	r := c.lib.insertDone(s)
	defer c.lib.resultFree(r)
	if err := c.lib.err(r); err != nil {
		return err
	}
	c.lib.count(r, st)
	return nil
}

// fill reads until buf is full or an error comes, which it returns as it is: unlike io.ReadFull it doesn't
// turn a whole body's io.EOF into another error.
func fill(r io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var m int
		m, err = r.Read(buf[n:])
		n += m
	}
	return n, err
}
