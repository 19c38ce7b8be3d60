package service

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/pipelines/process"
	"github.com/casetrail/casetrail/services/clickhouse-sink/insert"
)

const (
	firstWait = 100 * time.Millisecond
	lastWait  = 10 * time.Second
)

// keeper keeps trying, and tells the operator about it.
type keeper struct {
	shell   *process.Shell
	failing atomic.Int32 // how many are being tried again
	rows    *prometheus.CounterVec
	skipped *prometheus.CounterVec
	retries *prometheus.CounterVec
	up      prometheus.Gauge
}

func newKeeper(shell *process.Shell) (*keeper, error) {
	k := &keeper{
		shell:   shell,
		rows:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "casetrail_sink_rows_total", Help: "Rows inserted, by table."}, []string{"table"}),
		skipped: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "casetrail_sink_skipped_total", Help: "Messages that were not taken, by reason."}, []string{"reason"}),
		retries: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "casetrail_sink_retries_total", Help: "What failed and was tried again."}, []string{"what"}),
		up:      prometheus.NewGauge(prometheus.GaugeOpts{Name: "casetrail_sink_clickhouse_up", Help: "1 unless something is being tried again."}),
	}
	k.up.Set(1)
	return k, errors.Join(shell.Metrics.Register(k.rows), shell.Metrics.Register(k.skipped), shell.Metrics.Register(k.retries), shell.Metrics.Register(k.up))
}

// Try calls f until it returns nil, ctx ends, or it fails in a way that trying again can't mend.
func (k *keeper) Try(ctx context.Context, what string, f func(context.Context) error) error {
	wait, failed := firstWait, false
	defer func() {
		if failed && k.failing.Add(-1) == 0 {
			k.up.Set(1)
			k.shell.SetReady(true)
			k.shell.Log.Info("working again", zap.String("what", what))
		}
	}()
	for {
		err := f(ctx)
		if err == nil || errors.Is(err, insert.ErrContradiction) || errors.Is(err, insert.ErrUnsendable) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if inject.SinkReadsOn.Is() {
			return nil
		}
		if !failed {
			failed = true
			k.failing.Add(1)
			k.up.Set(0)
		}
		k.shell.NotReady(fmt.Sprintf("%s: %v", what, err))
		k.retries.WithLabelValues(what).Inc()
		k.shell.Log.Warn("retrying", zap.String("what", what), zap.Duration("wait", wait), zap.Error(err))
		timer := time.NewTimer(wait/2 + rand.N(wait/2))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
		wait = min(2*wait, lastWait)
	}
}

// Skip implements Keeper.
func (k *keeper) Skip(reason string, n int64) {
	k.skipped.WithLabelValues(reason).Add(float64(n))
	k.shell.Log.Warn("skipped", zap.String("reason", reason), zap.Int64("count", n))
}

// Took implements Keeper.
func (k *keeper) Took(table string, rows int) { k.rows.WithLabelValues(table).Add(float64(rows)) }
