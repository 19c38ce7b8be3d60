package e2e

import (
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/casetrail/casetrail/e2e/reliability"
	"github.com/casetrail/casetrail/pipelines/kafka"
)

var (
	seed           = flag.Uint64("seed", 1, "of the random choices of the fault trials")
	protocolTrials = flag.Int("protocol", 60, "protocol faults to try, drawn by the seed; 0 is all of them")
)

// Kafka's error codes, as far as this file needs them by name.
const (
	unknownTopicOrPartition   = 3
	invalidTopic              = 17
	topicAuthorizationFailed  = 29
	unsupportedVersion        = 35
	fetchSessionIDNotFound    = 70
	invalidFetchSessionEpoch  = 71
	unstableOffsetCommit      = 88
	groupAuthorizationFailed  = 30
	clusterAuthorization      = 31
	transactionalIDDenied     = 53
	offsetOutOfRange          = 1
	messageTooLarge           = 10
	recordListTooLarge        = 18
	unsupportedMessageFormat  = 43
	unsupportedCompression    = 76
	inconsistentGroupProtocol = 23
)

// protocolFault is one request of the protocol with the errors that a broker may answer it with, by what they must lead to.
type protocolFault struct {
	key   kmsg.Key
	also  kmsg.Key // what a broker that refuses key for good refuses as well; none where 0 would be Produce: see pair
	pair  bool
	group bool    // only what a group's leader asks before it shares out the partitions
	over  []int16 // the stage gets over them
	final []int16 // the stage ends and says what is wrong
}

// Errors that pass, whether by sending the same again, by finding another broker, by joining anew or by a new claim, must
// leave no trace; final ones are those that only an operator can mend.
var protocolFaults = []protocolFault{
	// INVALID_TOPIC is not among them: before a stage has begun it waits for its topics, and after that it ends.
	{key: kmsg.Metadata, over: []int16{-1, 3, 5, 9, 72}, final: []int16{topicAuthorizationFailed}},
	{key: kmsg.Metadata, group: true, over: []int16{-1, 3, 5, 9, 72}},
	{key: kmsg.ApiVersions, over: []int16{-1, 7, 41}, final: []int16{unsupportedVersion}},
	{key: kmsg.FindCoordinator, over: []int16{-1, 7, 14, 15}, final: []int16{groupAuthorizationFailed, 24}},
	{key: kmsg.InitProducerID, over: []int16{-1, 7, 14, 15, 16, 47, 51, 90}, final: []int16{transactionalIDDenied, clusterAuthorization, 50}},
	{key: kmsg.AddPartitionsToTxn, over: []int16{-1, 3, 7, 14, 15, 16, 47, 48, 49, 51, 55, 90}, final: []int16{topicAuthorizationFailed, transactionalIDDenied}},
	{key: kmsg.EndTxn, over: []int16{-1, 7, 14, 15, 16, 47, 48, 49, 51, 52, 90}, final: []int16{transactionalIDDenied}},
	{key: kmsg.Produce, over: []int16{-1, 2, 3, 5, 6, 7, 9, 13, 19, 20, 45, 47, 48, 49, 56, 59, 74, 89, 90},
		final: []int16{messageTooLarge, recordListTooLarge, topicAuthorizationFailed, clusterAuthorization, invalidTopic, 21, 32, unsupportedVersion, 42, unsupportedMessageFormat, 44, unsupportedCompression, 87}},
	{key: kmsg.Fetch, over: []int16{-1, 2, 3, 5, 6, 7, 9, 13, 56, fetchSessionIDNotFound, invalidFetchSessionEpoch, 74, 75, 78},
		final: []int16{offsetOutOfRange, topicAuthorizationFailed, unsupportedVersion, 42}},
	{key: kmsg.ListOffsets, over: []int16{-1, 3, 5, 6, 7, 9, 13, 56, 74, 75, 78}, final: []int16{topicAuthorizationFailed, unsupportedMessageFormat, 42}},
	{key: kmsg.JoinGroup, over: []int16{-1, 7, 14, 15, 16, 25, 27, 81, 82}, final: []int16{inconsistentGroupProtocol, 24, 26, groupAuthorizationFailed}},
	{key: kmsg.SyncGroup, over: []int16{-1, 7, 14, 15, 16, 22, 25, 27, 82}, final: []int16{inconsistentGroupProtocol, groupAuthorizationFailed}},
	{key: kmsg.Heartbeat, over: []int16{-1, 7, 14, 15, 16, 22, 25, 27, 82}, final: []int16{groupAuthorizationFailed}, also: kmsg.JoinGroup, pair: true},
	// Commits serve monitoring: nothing correct depends on them, so nothing about them is final.
	{key: kmsg.OffsetCommit, over: []int16{-1, 3, 7, 12, 14, 15, 16, 22, 25, 27, 28, topicAuthorizationFailed, groupAuthorizationFailed}},
	{key: kmsg.OffsetFetch, over: []int16{-1, 3, 7, 14, 15, 16, 22, 25, unstableOffsetCommit}, final: []int16{topicAuthorizationFailed, groupAuthorizationFailed}},
	// Whoever leaves is gone, whatever the broker says to it.
	{key: kmsg.LeaveGroup, over: []int16{-1, 7, 14, 15, 16, 25, 82, groupAuthorizationFailed}},
}

type protocolTrial struct {
	protocolFault
	code    int16
	applied bool
	final   bool
}

func (x protocolTrial) String() string {
	what := "connection lost"
	if x.code != lostConnection {
		what = fmt.Sprint(x.code)
		if e := kerr.TypedErrorForCode(x.code); e != nil {
			what = e.Message
		}
	}
	if x.applied {
		what += ", applied"
	}
	if x.group {
		what += ", of the leader"
	}
	return x.key.Name() + " " + what
}

// protocolTrialsOf are all that there are.
func protocolTrialsOf() (all []protocolTrial) {
	for _, f := range protocolFaults {
		for _, code := range append([]int16{lostConnection}, f.over...) {
			all = append(all, protocolTrial{protocolFault: f, code: code})
			if code == lostConnection || !reads(int16(f.key)) {
				all = append(all, protocolTrial{protocolFault: f, code: code, applied: true})
			}
		}
		for _, code := range f.final {
			all = append(all, protocolTrial{protocolFault: f, code: code, final: true})
		}
	}
	return all
}

// TestProtocolErrors has a broker answer each kind of request with each error that there is for it, also when it has done
// what was asked: a stage gets over what passes, complete, in order and without duplicates; and ends and says why where only
// an operator can help, and goes on from there once that is mended.
func TestProtocolErrors(t *testing.T) {
	all := protocolTrialsOf()
	rng := rand.New(rand.NewPCG(*seed, 8))
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	if *protocolTrials > 0 {
		all = all[:min(*protocolTrials, len(all))]
	}
	began := time.Now()
	atOnce(16, len(all), func(i int) {
		rng := rand.New(rand.NewPCG(*seed, uint64(i)))
		t.Run(all[i].String(), func(t *testing.T) { all[i].run(t, rng.IntN(3), 1+rng.IntN(4)) })
	})
	report(t, began, reliability.Result{Row: 8, Name: "protocol", Fault: "an error of the protocol", How: "each request that a stage makes, answered with each error, done or not", Trials: len(all),
		Checked: "a stage on the embedded broker: complete, in order and once, or ended with a reason and complete after that"},
		fmt.Sprintf("-protocol %d", *protocolTrials))
}

// report reports trials of a test that has come to its end: whatever does not hold ends it before.
func report(t *testing.T, began time.Time, r reliability.Result, size string) {
	t.Helper()
	if t.Failed() {
		r.Wrong = []string{"see the log of " + t.Name()}
	}
	r.Seed, r.Seconds = *seed, time.Since(began).Seconds()
	r.Again = fmt.Sprintf("go test ./e2e -run '%s' -args -seed %d %s", t.Name(), *seed, size)
	reliability.Report(t, r)
}

// atOnce does n things, so many at once: they mostly wait.
func atOnce(width, n int, do func(i int)) {
	var all sync.WaitGroup
	next := make(chan int)
	for range min(width, n) {
		all.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	all.Wait()
}

func (x protocolTrial) run(t *testing.T, skip, count int) {
	k, err := kfake.NewCluster(kfake.NumBrokers(2), kfake.GroupMinSessionTimeout(500*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	b := &broker{addrs: k.ListenAddrs(), fake: k}
	c := b.client(t)
	names := b.topics(t, c, 2, "in", "out", "state")
	def := counting(names[0], names[1], names[2])
	m := &misfortune{keys: []kmsg.Key{x.key}, code: x.code, applied: x.applied, skip: skip, count: count}
	switch x.key {
	case kmsg.OffsetFetch:
		def = spreading(names[0], names[1])
	case kmsg.InitProducerID, kmsg.JoinGroup, kmsg.SyncGroup, kmsg.EndTxn, kmsg.AddPartitionsToTxn, kmsg.FindCoordinator, kmsg.LeaveGroup:
		m.skip = 0 // there may be no second one
	}
	if x.group {
		m.skip, m.only = 0, func(r kmsg.Request) bool { return r.(*kmsg.MetadataRequest).Topics != nil }
	}
	if x.final {
		m.count = -1
		if x.pair {
			m.keys = append(m.keys, x.also)
		}
	}
	cfg := b.config()
	cfg.SessionTimeout, cfg.Dial = time.Second, m.dial
	p := kafka.NewPublisher(c, nil)
	defer p.Close()
	n := 0
	feed := func() {
		if err := p.Publish(t.Context(), numbered(names[0], n, 20)); err != nil {
			t.Fatal(err)
		}
		n += 20
	}
	feed()
	r := replicaOf(t, x.String(), cfg, def)
	if x.final {
		x.ends(t, r, m)
		feed()
		cfg.Dial = nil // an operator has mended it
		r = replicaOf(t, "the next one", cfg, def)
	} else if x.key != kmsg.LeaveGroup {
		eventually(t, "the fault", func() bool { feed(); x.runs(t, r); return m.hits() >= m.count || x.group && m.hits() > 0 })
		feed()
	}
	eventually(t, "all written", func() bool { x.runs(t, r); return len(contents(t, c, names[1])) >= n })
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	if m.hits() == 0 {
		t.Error("nothing was harmed: the trial shows nothing")
	}
	if x.key == kmsg.OffsetFetch {
		verifyOnce(t, c, names[1], n)
	} else {
		verifyCounts(t, c, names[1], n)
	}
}

// runs fails the trial where the stage has ended.
func (x protocolTrial) runs(t *testing.T, r *replica) {
	t.Helper()
	select {
	case err := <-r.done:
		r.done <- err
		t.Fatalf("it ended: %v", err)
	default:
	}
}

// ends waits until the stage has ended by itself, and looks at what it says.
func (x protocolTrial) ends(t *testing.T, r *replica, m *misfortune) {
	t.Helper()
	select {
	case err := <-r.done:
		r.done <- err
		want := kafka.ErrDenied
		switch x.code {
		case messageTooLarge, recordListTooLarge:
			want = kafka.ErrTooLarge
		case offsetOutOfRange:
			want = kafka.ErrOffsetLost
		case topicAuthorizationFailed, groupAuthorizationFailed, clusterAuthorization, transactionalIDDenied:
		default:
			want = err // the broker's own words will do
		}
		if err == nil || !errors.Is(err, want) || !strings.HasPrefix(err.Error(), "stage ") {
			t.Fatalf("it says: %v", err)
		}
		t.Log(err)
	case <-time.After(30 * time.Second):
		t.Fatalf("it goes on after %d answers", m.hits())
	}
}

// verifyOnce checks that out holds each of n inputs once.
func verifyOnce(t *testing.T, c *kafka.Client, out string, n int) {
	t.Helper()
	seen := map[uint64]int{}
	for _, r := range contents(t, c, out) {
		seen[binary.BigEndian.Uint64(r.Value)]++
	}
	twice := 0
	for _, k := range seen {
		if k > 1 {
			twice++
		}
	}
	if len(seen) != n || twice > 0 {
		t.Errorf("%d inputs: %d lost, %d twice", n, n-len(seen), twice)
	}
}
