// Command record-signer signs one record per case, chained and under checkpoints.
package main

import (
	"github.com/casetrail/casetrail/pipelines/process"
	"github.com/casetrail/casetrail/services/record-signer/service"
)

func main() {
	var c service.Config
	process.Main("record-signer", service.About, &c, c.Run)
}
