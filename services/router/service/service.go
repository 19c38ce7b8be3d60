// Package service runs the router: alone as a process, or beside the other services in one.
package service

import (
	"context"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/process"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/router/cases"
)

// About is what --help says.
const About = "Routes every case by its type, pulls a human in when the customer's behaviour says so, and concludes cases."

// Config is what an operator sets.
type Config struct {
	process.Config `embed:""`
}

// Run runs the router until ctx ends.
func (c *Config) Run(ctx context.Context, s *process.Shell) error {
	codec, err := schemas.Register(ctx, c.Registry, pipelines.Subjects(pipelines.Router))
	if err != nil {
		return err
	}
	def := cases.Definition(codec)
	def.Learn = func(value []byte) error { return codec.Await(ctx, value) }
	return s.RunStage(ctx, def)
}
