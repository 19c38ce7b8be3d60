package deliver

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/casetrail/casetrail/pipelines/process"
	"github.com/casetrail/casetrail/pipelines/stage"
)

// keeper tells the operator: by log, metrics and /readyz.
type keeper struct {
	shell         *process.Shell
	waiting       bool
	delivered     prometheus.Counter
	undeliverable prometheus.Counter
	retries       prometheus.Counter
}

// NewKeeper makes a keeper for one receiver, with a shell of its own.
func NewKeeper(shell *process.Shell) (Keeper, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "casetrail_alerts_" + name, Help: help})
	}
	k := &keeper{
		shell:         shell,
		delivered:     counter("delivered_total", "Alerts that the receiver has."),
		undeliverable: counter("undeliverable_total", "Alerts that were left out, since the receiver refuses them or nobody can read them."),
		retries:       counter("retries_total", "Attempts that failed and are made again."),
	}
	return k, errors.Join(shell.Metrics.Register(k.delivered), shell.Metrics.Register(k.undeliverable), shell.Metrics.Register(k.retries))
}

// Delivered implements Keeper.
func (k *keeper) Delivered(a *Alert) {
	k.delivered.Inc()
	k.ready()
	k.shell.Log.Info("delivered", zap.String("id", a.ID), zap.Stringer("alert", a.Alert))
}

// Retry implements Keeper.
func (k *keeper) Retry(a *Alert, wait time.Duration, err error) {
	k.retries.Inc()
	id := "a reminder of what is open"
	if a != nil {
		id = a.ID
		k.waiting = true
		k.shell.NotReady(err.Error())
	}
	k.shell.Log.Warn("retrying", zap.String("id", id), zap.Duration("wait", wait), zap.Error(err))
}

// Undeliverable implements Keeper.
func (k *keeper) Undeliverable(a *Alert, in *stage.Record, err error) {
	k.undeliverable.Inc()
	k.ready()
	fields := []zap.Field{zap.Int32("partition", in.Partition), zap.Int64("offset", in.Offset), zap.Stringer("position", in.Position), zap.Error(err)}
	if a != nil {
		fields = append(fields, zap.String("id", a.ID), zap.Stringer("alert", a.Alert), zap.String("case_type", a.CaseType), zap.String("handler", a.Handler))
	}
	k.shell.Log.Error("left out", fields...)
}

func (k *keeper) ready() {
	if k.waiting {
		k.waiting = false
		k.shell.SetReady(true)
	}
}
