package process

import (
	"errors"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/casetrail/casetrail/pipelines/kafka"
	"github.com/casetrail/casetrail/pipelines/stage"
)

// observer turns what a stage does into metrics, log lines and readiness.
type observer struct {
	shell      *Shell
	log        *zap.Logger
	in, out    prometheus.Counter
	rejects    prometheus.Counter
	dropped    prometheus.Counter
	steps      prometheus.Observer
	age        prometheus.Observer
	lag        *prometheus.GaugeVec
	partitions prometheus.Gauge
	rebalances prometheus.Counter
	retries    *prometheus.CounterVec
}

var _ kafka.Observer = (*observer)(nil)

// seconds runs from half a millisecond to a minute.
var seconds = prometheus.ExponentialBuckets(0.0005, 2, 18)

// Observer makes the observer of one stage, once for each name.
func (s *Shell) Observer(stageName string) (kafka.Observer, error) {
	reg := prometheus.WrapRegistererWith(prometheus.Labels{"stage": stageName}, s.Metrics)
	var errs []error
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: "casetrail_stage_" + name, Help: help})
		errs = append(errs, reg.Register(c))
		return c
	}
	histogram := func(name, help string) prometheus.Histogram {
		h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "casetrail_stage_" + name, Help: help, Buckets: seconds})
		errs = append(errs, reg.Register(h))
		return h
	}
	o := &observer{
		shell: s, log: s.Log.With(zap.String("stage", stageName)),
		in:         counter("records_in_total", "Records taken from the inputs."),
		out:        counter("records_out_total", "Records written, the changelog's included."),
		rejects:    counter("rejects_total", "Inputs that went to the dead letters."),
		dropped:    counter("duplicates_dropped_total", "Outputs not written because an earlier run had written them already."),
		rebalances: counter("rebalances_total", "Times that the partitions were dealt anew."),
		steps:      histogram("step_seconds", "Duration of a step: handling, writing, until all is durable."),
		age:        histogram("latency_seconds", "Age of a step's oldest input when the step's outputs were durable."),
		lag:        prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "casetrail_stage_lag", Help: "Offsets between what was taken and the end of the input."}, []string{"topic", "partition"}),
		partitions: prometheus.NewGauge(prometheus.GaugeOpts{Name: "casetrail_stage_partitions", Help: "Partitions that this replica has."}),
		retries:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "casetrail_stage_retries_total", Help: "What failed and was tried again."}, []string{"what"}),
	}
	errs = append(errs, reg.Register(o.lag), reg.Register(o.partitions), reg.Register(o.retries))
	return o, errors.Join(errs...)
}

// Step implements kafka.Observer.
func (o *observer) Step(s kafka.Step) {
	o.in.Add(float64(s.In))
	o.out.Add(float64(s.Out))
	o.rejects.Add(float64(s.Rejects))
	o.dropped.Add(float64(s.Dropped))
	o.steps.Observe(s.Took.Seconds())
	if s.In > 0 {
		o.age.Observe(max(s.Age, 0).Seconds())
	}
	if s.Rejects > 0 {
		o.log.Warn("inputs rejected", zap.Int32("partition", s.Partition), zap.Int("count", s.Rejects))
	}
	if s.Took > slowStep {
		o.log.Warn("slow step", zap.Int32("partition", s.Partition), zap.Int("in", s.In), zap.Int("out", s.Out), zap.Duration("took", s.Took))
	}
}

const slowStep = 5 * time.Second

// Lag implements kafka.Observer.
func (o *observer) Lag(tp stage.TopicPartition, lag int64) {
	o.lag.WithLabelValues(tp.Topic, strconv.Itoa(int(tp.Partition))).Set(float64(lag))
}

// Rebalance implements kafka.Observer. A replica with no partition is ready too: it stands by.
func (o *observer) Rebalance(partitions []int32) {
	o.lag.Reset() // of partitions that are another's now
	o.rebalances.Inc()
	o.partitions.Set(float64(len(partitions)))
	o.shell.SetReady(true)
	o.log.Info("partitions", zap.Int32s("partitions", partitions))
}

// Retry implements kafka.Observer.
func (o *observer) Retry(what string, err error) {
	o.retries.WithLabelValues(what).Inc()
	o.log.Warn("retrying", zap.String("what", what), zap.Error(err))
}
