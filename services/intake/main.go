// Command intake takes chat events, validates them and adds what the models find.
package main

import (
	"github.com/casetrail/casetrail/pipelines/process"
	"github.com/casetrail/casetrail/services/intake/service"
)

func main() {
	var c service.Config
	process.Main("intake", service.About, &c, c.Run)
}
