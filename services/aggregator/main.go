// Command aggregator publishes the quality of every segment, window by window.
package main

import (
	"github.com/casetrail/casetrail/pipelines/process"
	"github.com/casetrail/casetrail/services/aggregator/service"
)

func main() {
	var c service.Config
	process.Main("aggregator", service.About, &c, c.Run)
}
