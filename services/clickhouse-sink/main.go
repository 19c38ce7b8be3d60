// Command clickhouse-sink keeps ClickHouse at a verified prefix of every ledger.
package main

import (
	"github.com/casetrail/casetrail/pipelines/process"
	"github.com/casetrail/casetrail/services/clickhouse-sink/service"
)

func main() {
	var c service.Config
	process.Main("clickhouse-sink", service.About, &c, c.Run)
}
