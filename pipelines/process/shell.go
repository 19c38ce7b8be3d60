package process

import (
	"context"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/casetrail/casetrail/pipelines/kafka"
	"github.com/casetrail/casetrail/pipelines/stage"
)

// Shell is what one service gets from the process that it runs in.
type Shell struct {
	Name    string
	Config  Config
	Log     *zap.Logger            // its lines carry the service's name
	Metrics prometheus.Registerer  // its metrics carry the service's name
	waits   atomic.Pointer[string] // why the service does not do its work; nil while it does
}

// SetReady says whether the service does its work. A stage run by RunStage does so by itself.
func (s *Shell) SetReady(ready bool) {
	if ready {
		s.waits.Store(nil)
		return
	}
	s.NotReady("not at work")
}

// NotReady says that the service does not do its work, and why: for an operator who asks /readyz.
func (s *Shell) NotReady(why string) { s.waits.Store(&why) }

// Ready tells what SetReady and NotReady said last.
func (s *Shell) Ready() bool { return s.waits.Load() == nil }

// RunStage runs a stage until ctx ends, as kafka.Run does, with the shell's configuration, log and metrics.
func (s *Shell) RunStage(ctx context.Context, def stage.Definition) error {
	cfg, err := s.Config.Kafka()
	if err != nil {
		return err
	}
	cfg.ClientID = "casetrail-" + s.Name
	obs, err := s.Observer(def.Name)
	if err != nil {
		return err
	}
	return kafka.Run(ctx, cfg, def, obs)
}
