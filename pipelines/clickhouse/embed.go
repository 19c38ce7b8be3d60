// Package clickhouse holds Casetrail's tables and views, one object a file. The same files run on a ClickHouse server and
// on the embedded engine. The sink applies them at its start in the order of their names, in the database that its URL
// names; each may be applied again at any time. What only a server knows (roles, row policies) is in server/, for its
// operator to apply.
package clickhouse

import "embed"

// Migrations are the statements, one a file, to be applied in the order of their names. A file that was released is never
// changed: a later one alters what it made.
//
//go:embed *.sql
var Migrations embed.FS
