package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/casetrail/casetrail/cli/replay"
	"github.com/casetrail/casetrail/cli/stack"
	"github.com/casetrail/casetrail/pipelines/kafka"
	"github.com/casetrail/casetrail/schemas"
)

type upCommand struct {
	listen        `embed:""`
	play          `embed:""`
	Data          string `default:"data" type:"path" help:"Where the data lie; a second up goes on from what it finds."`
	File          string `type:"existingfile" help:"Conversations to play instead of those that ship with Casetrail."`
	Once          bool   `help:"End after the report; the status is 0 only if all of it held."`
	Partitions    int    `default:"4" help:"Partitions of each topic that has more than one; only the first up decides."`
	HTTPListen    string `name:"http-listen" default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Where intake takes chat events over HTTP."`
	AdminListen   string `default:"127.0.0.1:9400" placeholder:"HOST:PORT" help:"Where /healthz, /readyz and /metrics are served."`
	OwnClickHouse string `name:"clickhouse-url" env:"CASETRAIL_CLICKHOUSE_URL" placeholder:"URL" help:"A ClickHouse of your own, with its database, instead of the embedded engine."`
}

// shippedConversations is how many of the shipped conversations are played unless said otherwise.
const shippedConversations = 4000

// visibleSpeed is so many events a second that one can watch them go through.
const visibleSpeed = 2500

// Run runs everything until it is interrupted.
func (c *upCommand) Run(ctx context.Context) error {
	began := time.Now()
	lock, err := lockData(c.Data)
	if err != nil {
		return err
	}
	defer lock.release()
	if c.Conversations == 0 && c.File == "" {
		c.Conversations = shippedConversations
	}
	if c.Speed == 0 {
		c.Speed = visibleSpeed
	}
	conversations, err := conversations(c.File)
	if err != nil {
		return err
	}
	logFile, err := os.OpenFile(filepath.Join(c.Data, "casetrail.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer logFile.Close()
	step("starting broker, schema registry and ClickHouse engine")
	o, err := c.options(c.Data, func(line string) { fmt.Fprintln(logFile, line) })
	if err != nil {
		return err
	}
	if c.OwnClickHouse != "" {
		o.ClickHouse = ""
	}
	s, err := stack.Start(ctx, o)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	running := make(chan struct{})
	defer func() {
		cancel(nil)
		<-running
		_ = s.Stop() // on the way out: what was acknowledged is on disk
	}()
	h, err := c.start(ctx, cancel, s, logFile, running)
	if err != nil || ctx.Err() != nil {
		return cause(ctx, err)
	}
	defer h.client.Close()
	step("all five services are ready, %.1f s after the start; logs in %s", time.Since(began).Seconds(), logFile.Name())
	played, err := c.play.run(ctx, h.client, h.codec, conversations)
	if err != nil {
		return cause(ctx, err)
	}
	step("played %d conversations, %d events; simulated time is %s", played.conversations, played.events, clock(played.end))
	held := h.report(ctx, played.end)
	if c.Once {
		return errors.Join(held, context.Cause(ctx))
	}
	if ctx.Err() != nil {
		return cause(ctx, held)
	}
	if held != nil {
		fmt.Fprintf(os.Stderr, "casetrail: %v\n", held)
	}
	h.hints(c)
	return h.stay(ctx, s, played.end)
}

// stay keeps simulated time running at the speed of real time until the end.
func (h *here) stay(ctx context.Context, s *stack.Stack, now int64) error {
	chat, err := replay.NewKafka(ctx, h.client, h.codec)
	if err != nil {
		return cause(ctx, err)
	}
	defer chat.Close()
	go func() {
		for range chat.Work() { // other replays answer it
		}
	}()
	ended := make(chan error, 1)
	go func() { ended <- s.Wait(ctx) }()
	begin, tick := time.Now(), time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := chat.Clock(ctx, now+time.Since(begin).Milliseconds()); err != nil && ctx.Err() == nil {
				return err
			}
		case err := <-ended:
			return cause(ctx, err)
		}
	}
}

// here is what up works with once everything runs.
type here struct {
	client    *kafka.Client
	codec     *schemas.Codec
	cluster   cluster
	vkey      string
	metricKey string
}

// failure is a service's, and ends everything. It is no end by a signal, whatever it wraps.
type failure struct{ error }

// cause is why a context ended, where that says more than that it did.
func cause(ctx context.Context, err error) error {
	if f := (failure{}); errors.As(context.Cause(ctx), &f) {
		return f
	}
	if ctx.Err() != nil {
		return nil // Ctrl-C is a good end
	}
	return err
}

func step(format string, a ...any) { fmt.Printf("▸ "+format+"\n", a...) }

// pidFile names the process that has the data.
func pidFile(data string) string { return filepath.Join(data, "up.pid") }

func readPID(data string) (int, error) {
	b, err := os.ReadFile(pidFile(data))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(b)))
}
