package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/casetrail/casetrail/cli/corpus"
	"github.com/casetrail/casetrail/cli/replay"
	"github.com/casetrail/casetrail/pipelines/kafka"
	"github.com/casetrail/casetrail/schemas"
)

// play is how conversations are played.
type play struct {
	Conversations int           `name:"conversations" short:"n" default:"0" help:"How many to play, sampled with the seed; 0 for each of the file once."`
	Seed          uint64        `default:"1" help:"Seed of everything that the replay draws."`
	Span          time.Duration `default:"48h" help:"Simulated time over which the conversations begin."`
	Speed         int           `default:"0" placeholder:"N" help:"At most so many events a second; 0 for as fast as the pipeline answers."`
	Misbehaves    float64       `default:"0.01" help:"Share of the cases on a human's desk on which the bot writes all the same."`
}

const (
	botVersion = "replay-bot-1"
	// ahead is how far the replay runs ahead of its clock: enough for many conversations at once.
	ahead    = 6 * time.Hour
	patience = 30 * time.Second
)

type replayCommand struct {
	cluster `embed:""`
	play    `embed:""`
	File    string `arg:"" optional:"" type:"existingfile" help:"Conversations, one message a line of JSON. Left out: those that ship with Casetrail."`
}

// Run plays conversations into a running Casetrail.
func (c *replayCommand) Run(ctx context.Context) error {
	cs, err := conversations(c.File)
	if err != nil {
		return err
	}
	client, codec, err := c.connect(ctx, "")
	if err != nil {
		return err
	}
	defer client.Close()
	played, err := c.run(ctx, client, codec, cs)
	if err != nil {
		return err
	}
	fmt.Printf("played %d conversations, %d events; simulated time is %s\n", played.conversations, played.events, clock(played.end))
	return nil
}

func conversations(file string) ([]corpus.Conversation, error) {
	if file == "" {
		return corpus.Shipped()
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	cs, err := corpus.Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return cs, nil
}

type played struct {
	conversations, events int
	end                   int64 // simulated time
}

// run plays conversations and moves the clock on until every case that nobody ends has been closed.
func (p *play) run(ctx context.Context, client *kafka.Client, codec *schemas.Codec, cs []corpus.Conversation) (played, error) {
	now, err := replay.Now(ctx, client, codec)
	if err != nil {
		return played{}, err
	}
	start := time.Now().Add(-p.Span - 24*time.Hour).UnixMilli()
	if now > 0 {
		start = now + time.Minute.Milliseconds()
	}
	n := p.Conversations
	if n == 0 {
		n = len(cs)
	}
	stock := !slices.ContainsFunc(cs, func(c corpus.Conversation) bool {
		return slices.ContainsFunc(c.Messages, func(m corpus.Message) bool { return m.Sender != corpus.Customer })
	})
	// Case ids must be new: a time tells one replay from the next.
	sample := corpus.Sample(cs, n, p.Seed)
	for i := range sample {
		sample[i].ID = fmt.Sprintf("%s-%d", sample[i].ID, start/1000)
	}
	platform := replay.New(sample, replay.Options{Seed: p.Seed, Start: start, Span: p.Span, Ahead: ahead, Stock: stock,
		Misbehaves: p.Misbehaves, BotVersion: botVersion, Duration: 10 * time.Minute})
	chat, err := replay.NewKafka(ctx, client, codec)
	if err != nil {
		return played{}, err
	}
	total := platform.Left()
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		step("playing %d conversations", total)
	}
	bar := progressbar.NewOptions(total, progressbar.OptionSetDescription("▸ playing conversations"), progressbar.OptionSetWriter(os.Stderr),
		progressbar.OptionSetVisibility(term.IsTerminal(int(os.Stderr.Fd()))), progressbar.OptionShowCount(), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetWidth(40), progressbar.OptionOnCompletion(func() { fmt.Fprintln(os.Stderr) }))
	last, err := replay.Run(ctx, platform, chat, replay.Pace{EventsPerSecond: p.Speed, Patience: patience}, func(_, left int) { _ = bar.Set(total - left) })
	if err == nil {
		last += (4*time.Hour + time.Minute).Milliseconds() // the idle time-out of what nobody ends
		err = chat.Clock(ctx, last)
	}
	if closing := chat.Close(); err == nil {
		err = closing
	}
	return played{total, platform.Events(), last}, err
}
