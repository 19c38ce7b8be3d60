package clickhouse

import (
	"strings"
	"unsafe"
)

type ptr = unsafe.Pointer

// queryFn is the shape of the three calls that take a statement: connection, statement, format, and the names
// and values of its parameters, all with lengths.
type queryFn func(conn, query ptr, queryLen uintptr, format ptr, formatLen uintptr,
	names, nameLens, values, valueLens ptr, n uintptr) ptr

// library is libchdb's C interface (26.7), as far as it is used here.
type library struct {
	connect    func(argc int32, argv ptr) ptr
	closeConn  func(conn ptr)
	setSignals func(enabled int32)

	query, streamQuery, streamInsert queryFn

	fetch       func(conn, stream ptr) ptr
	cancelQuery func(conn, stream ptr)

	insertAppend func(stream, data ptr, n uintptr) int32
	insertDone   func(stream ptr) ptr
	insertError  func(stream ptr) ptr
	insertCancel func(stream ptr)
	insertFree   func(stream ptr)

	resultFree    func(result ptr)
	resultBuffer  func(result ptr) ptr
	resultLength  func(result ptr) uintptr
	resultError   func(result ptr) ptr
	resultElapsed func(result ptr) float64
	resultRows    func(result ptr) uint64
	readRows      func(result ptr) uint64
	readBytes     func(result ptr) uint64
	writtenRows   func(result ptr) uint64
	writtenBytes  func(result ptr) uint64
}

// symbols maps the names in the library to the fields they fill.
func (l *library) symbols() map[string]any {
	return map[string]any{
		"chdb_connect":                     &l.connect,
		"chdb_close_conn":                  &l.closeConn,
		"chdb_set_signal_handlers_enabled": &l.setSignals,
		"chdb_query_with_params_n":         &l.query,
		"chdb_stream_query_with_params_n":  &l.streamQuery,
		"chdb_stream_insert_with_params_n": &l.streamInsert,
		"chdb_stream_fetch_result":         &l.fetch,
		"chdb_stream_cancel_query":         &l.cancelQuery,
		"chdb_stream_append":               &l.insertAppend,
		"chdb_stream_done":                 &l.insertDone,
		"chdb_stream_insert_error":         &l.insertError,
		"chdb_stream_cancel_insert":        &l.insertCancel,
		"chdb_destroy_insert_stream":       &l.insertFree,
		"chdb_destroy_query_result":        &l.resultFree,
		"chdb_result_buffer":               &l.resultBuffer,
		"chdb_result_length":               &l.resultLength,
		"chdb_result_error":                &l.resultError,
		"chdb_result_elapsed":              &l.resultElapsed,
		"chdb_result_rows_read":            &l.resultRows,
		"chdb_result_storage_rows_read":    &l.readRows,
		"chdb_result_storage_bytes_read":   &l.readBytes,
		"chdb_result_rows_written":         &l.writtenRows,
		"chdb_result_bytes_written":        &l.writtenBytes,
	}
}

// goString copies a C string.
func goString(p ptr) string {
	if p == nil {
		return ""
	}
	n := 0
	for *(*byte)(unsafe.Add(p, n)) != 0 {
		n++
	}
	return strings.Clone(unsafe.String((*byte)(p), n))
}

// cString is s with the zero byte that C wants, alive as long as the pointer is.
func cString(s string) ptr { return ptr(&append([]byte(s), 0)[0]) }
