// Command router routes every case by its type.
package main

import (
	"github.com/casetrail/casetrail/pipelines/process"
	"github.com/casetrail/casetrail/services/router/service"
)

func main() {
	var c service.Config
	process.Main("router", service.About, &c, c.Run)
}
