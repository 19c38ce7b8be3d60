// Package clickhouse runs the ClickHouse engine without a server: it loads libchdb.so into a child process of
// the casetrail command and serves ClickHouse's own HTTP interface on it, so that every client of a real
// server works unchanged.
//
// Fetch obtains the library, Start runs the child and waits until it answers, Serve is what the child itself
// does. The engine lives in a process of its own because a fault in it would otherwise take the brokers and
// services along, and because it reads the process's standard input and working directory.
//
// A request is handled in the order of the files: handler.go (routes, slots), request.go and statement.go (what
// is SQL, what is data), session.go (whose connection), run.go (the engine at work), response.go (the way out).
//
// Left out on purpose: users and passwords (it serves loopback, and says so when asked for more), INSERT ...
// SELECT FROM input(), the native TCP protocol, and everything with which SQL reaches this machine's files.
package clickhouse
