package clickhouse

import "time"

// What comes from outside is bounded here, all in one place.
const (
	maxHeader    = 256 << 10 // request line and headers; clickhouse-go puts an INSERT's statement in the URL
	maxQueryText = 1 << 20   // SQL without the data of an INSERT
	maxFrame     = 256 << 20 // one compressed frame, on the wire or unpacked; clickhouse-go sends a batch as one
	maxExternal  = 64 << 20  // all external tables and fields of a multipart request together
	maxHeld      = 256 << 20 // a response held back by wait_end_of_query=1
	maxSessions  = 64

	defaultQueries = 32 // statements at the same time

	headerTimeout  = 10 * time.Second
	stallTimeout   = 5 * time.Minute // a body that doesn't move, in either direction
	idleTimeout    = 10 * time.Minute
	slotTimeout    = 10 * time.Second // waiting for one of the slots before 503
	sessionTimeout = time.Minute      // of a session that names none
	maxSessionTime = time.Hour
	drainTimeout   = 5 * time.Second // for running statements when the engine closes; then they are killed
)
