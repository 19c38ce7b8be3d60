package clickhouse

import (
	"errors"
	"runtime"
	"strings"
	"unsafe"
)

// conn is one connection to the engine: settings, current database and temporary tables of its own, and one
// statement at a time.
type conn struct {
	lib *library
	p   ptr // chdb_connection *
}

// stats of one statement, as X-ClickHouse-Summary reports them.
type stats struct {
	readRows, readBytes, writtenRows, writtenBytes, resultRows uint64
	elapsed                                                    float64 // seconds
}

func (l *library) open(args ...string) (*conn, error) {
	argv := []ptr{cString("chdb")}
	for _, a := range args {
		argv = append(argv, cString(a))
	}
	argv = append(argv, nil)
	p := l.connect(int32(len(argv)-1), ptr(&argv[0]))
	runtime.KeepAlive(argv)
	if p == nil {
		return nil, errors.New("the engine refused to open (it gave its reason on standard error)")
	}
	return &conn{l, p}, nil
}

func (c *conn) close() { c.lib.closeConn(c.p) }

// handle is what statements want; closing wants the pointer to it.
func (c *conn) handle() ptr { return *(*ptr)(c.p) }

func (c *conn) call(f queryFn, query, format string, params map[string]string) ptr {
	var names, values []ptr
	var nameLens, valueLens []uintptr
	for k, v := range params {
		names, nameLens = append(names, cString(k)), append(nameLens, uintptr(len(k)))
		values, valueLens = append(values, cString(v)), append(valueLens, uintptr(len(v)))
	}
	r := f(c.handle(), cString(query), uintptr(len(query)), cString(format), uintptr(len(format)),
		ptr(unsafe.SliceData(names)), ptr(unsafe.SliceData(nameLens)),
		ptr(unsafe.SliceData(values)), ptr(unsafe.SliceData(valueLens)), uintptr(len(params)))
	runtime.KeepAlive([]any{names, nameLens, values, valueLens})
	return r
}

func (l *library) err(result ptr) error {
	if s := goString(l.resultError(result)); s != "" {
		return errors.New(strings.TrimRight(s, "\n"))
	}
	return nil
}

// bytes are the engine's own memory: valid until the result is freed.
func (l *library) bytes(result ptr) []byte {
	if n := l.resultLength(result); n > 0 {
		return unsafe.Slice((*byte)(l.resultBuffer(result)), n)
	}
	return nil
}

func (l *library) count(result ptr, st *stats) {
	st.readRows += l.readRows(result)
	st.readBytes += l.readBytes(result)
	st.writtenRows += l.writtenRows(result)
	st.writtenBytes += l.writtenBytes(result)
	st.resultRows += l.resultRows(result)
	st.elapsed += l.resultElapsed(result)
}

// query runs any statement and hands the whole result to use, which mustn't keep it.
func (c *conn) query(sql, format string, params map[string]string, st *stats, use func([]byte) error) error {
	r := c.call(c.lib.query, sql, format, params)
	defer c.lib.resultFree(r)
	if err := c.lib.err(r); err != nil {
		return err
	}
	c.lib.count(r, st)
	if b := c.lib.bytes(r); len(b) > 0 {
		return use(b)
	}
	return nil
}

// exec runs a statement whose result nobody wants.
func (c *conn) exec(sql string) error {
	return c.query(sql, "Null", nil, &stats{}, func([]byte) error { return nil })
}

// row runs a query for one row and returns its fields.
func (c *conn) row(sql string) (fields []string, err error) {
	err = c.query(sql, "TSV", nil, &stats{}, func(b []byte) error {
		fields = strings.Split(strings.TrimSuffix(string(b), "\n"), "\t")
		return nil
	})
	return fields, err
}
