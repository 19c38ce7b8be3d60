package clickhouse

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// response is the way out: engine -> ClickHouse's frames (compress=1) -> Content-Encoding -> HTTP. The status
// goes out with the first byte, so that a statement that fails before has its proper one.
type response struct {
	w       http.ResponseWriter
	control *http.ResponseController
	renew   time.Time
	encoder io.WriteCloser
	frames  *compress.Writer
	held    *bytes.Buffer // wait_end_of_query
	begun   bool
	tag     string // of an exception after the first byte
	version string
	stats   stats
}

// prepare sets headers and encodings from the request.
func (o *response) prepare(r *request) {
	h := o.w.Header()
	h.Set("X-ClickHouse-Format", r.format)
	h.Set("Content-Type", contentType(r.format))
	if r.is("compress") {
		method := compress.LZ4
		if strings.EqualFold(r.params.Get("network_compression_method"), "ZSTD") {
			method = compress.ZSTD
		}
		o.frames = compress.NewWriter(compress.LevelZero, method)
	} else if !r.insert && r.params.Get("enable_http_compression") != "0" {
		o.encode(r.http.Header.Get("Accept-Encoding"))
	}
	if r.is("wait_end_of_query") {
		o.held = &bytes.Buffer{}
	}
}

func (o *response) encode(accept string) {
	var err error
	for _, name := range []string{"zstd", "lz4", "gzip", "deflate"} {
		if !strings.Contains(accept, name) {
			continue
		}
		switch name {
		case "zstd":
			o.encoder, err = zstd.NewWriter(o.w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
		case "lz4":
			o.encoder = lz4.NewWriter(o.w)
		case "gzip":
			o.encoder, err = gzip.NewWriterLevel(o.w, gzip.BestSpeed)
		case "deflate":
			o.encoder, err = zlib.NewWriterLevel(o.w, zlib.BestSpeed)
		}
		if err != nil {
			o.encoder = nil // plain is always accepted
			return
		}
		o.w.Header().Set("Content-Encoding", name)
		return
	}
}

func (o *response) begin(status int) {
	if o.begun {
		return
	}
	o.begun = true
	s := &o.stats
	o.w.Header().Set("X-ClickHouse-Summary", fmt.Sprintf(`{"read_rows":"%d","read_bytes":"%d","written_rows":"%d","written_bytes":"%d",`+
		`"total_rows_to_read":"0","result_rows":"%d","result_bytes":"0","elapsed_ns":"%d"}`,
		s.readRows, s.readBytes, s.writtenRows, s.writtenBytes, s.resultRows, int64(s.elapsed*1e9)))
	o.w.WriteHeader(status)
}

func (o *response) raw(b []byte) error {
	o.begin(http.StatusOK)
	if now := time.Now(); now.After(o.renew) {
		// As for bodies: a client that doesn't read mustn't hold a slot for ever.
		_ = o.control.SetWriteDeadline(now.Add(stallTimeout))
		o.renew = now.Add(stallTimeout / 10)
	}
	var err error
	if o.encoder != nil {
		_, err = o.encoder.Write(b)
	} else {
		_, err = o.w.Write(b)
	}
	return err
}

func (o *response) Write(b []byte) (int, error) {
	if o.held != nil {
		if o.held.Len()+len(b) > maxHeld {
			return 0, exception(396, "TOO_MANY_ROWS_OR_BYTES", "The result is over the %d bytes that wait_end_of_query holds back", maxHeld)
		}
		return o.held.Write(b)
	}
	if o.frames == nil {
		return len(b), o.raw(b)
	}
	for rest := b; len(rest) > 0; {
		part := rest[:min(len(rest), 1<<20)]
		rest = rest[len(part):]
		if err := o.frames.Compress(part); err != nil {
			return 0, err
		}
		if err := o.raw(o.frames.Data); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

// finish ends a response that succeeded. An error means that the client has gone.
func (o *response) finish() error {
	if held := o.held; held != nil {
		o.held = nil
		if _, err := o.Write(held.Bytes()); err != nil {
			return err
		}
	}
	if !o.begun {
		o.encoder = nil
		o.w.Header().Del("Content-Encoding")
		o.w.Header().Set("Content-Length", "0") // clickhouse-go takes it for "no block"
		o.begin(http.StatusOK)
	}
	return o.close()
}

// fail ends a response with an error; after the first byte in the body, as servers since 25.11 do it.
func (o *response) fail(cause error) error {
	msg := exceptionText(cause, o.version)
	if o.begun {
		msg = "\r\n__exception__\r\n" + o.tag + "\r\n" + msg + fmt.Sprintf("%d %s\r\n__exception__\r\n", len(msg), o.tag)
	} else {
		code := exceptionCode(cause)
		o.w.Header().Set("X-ClickHouse-Exception-Code", strconv.Itoa(code))
		o.w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
		o.begin(exceptionStatus(code))
	}
	if err := o.raw([]byte(msg)); err != nil {
		return err
	}
	return o.close()
}

func (o *response) close() error {
	if o.encoder == nil {
		return nil
	}
	return o.encoder.Close()
}
