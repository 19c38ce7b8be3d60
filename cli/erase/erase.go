// Package erase erases customers: it finds their cases, takes them out of intake's customer key, has every ledger record that it
// was done, deletes what the short-lived topics have of them, and writes a certificate. It may be cut short at any point: run
// again for the same customers, it goes on from there.
package erase

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/casetrail/casetrail/cli/export"
	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/pipelines/kafka"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/intake/customers"
)

// Options are what an erasure needs.
type Options struct {
	Client  *kafka.Client
	Codec   *schemas.Codec
	Export  export.Options // the ledgers, and the key that is trusted
	Prefix  string         // before the names of consumer groups
	KeyFile string         // intake's customer key
	Key     note.Signer    // the operator's
	Now     func() time.Time
	Say     func(string) // what an operator should see; never an id
	Wait    time.Duration
}

// ErrOpen says that a customer has cases that are not over.
var ErrOpen = errors.New("a customer has open cases")

// ErrNothing says that there is nothing to erase.
var ErrNothing = errors.New("nothing of these customers is in a ledger or a topic: there is nothing to erase")

// Run erases customers and returns the certificate, once nothing of them is left. Where an erasure was cut short, it finishes that
// one first, which must be of the same customers. Finish is to be called when the certificate is on disk.
func Run(ctx context.Context, o Options, ids []string) (certificate []byte, keys []string, err error) {
	if err := Check(ids); err != nil {
		return nil, nil, err
	}
	j, err := open(o.KeyFile, ids)
	if err != nil {
		return nil, nil, err
	}
	e := &erasure{Options: o, ctx: ctx, journal: j, who: newWho(ids)}
	if !j.begun() {
		if err := e.begin(ids); err != nil {
			return nil, nil, err
		}
		inject.ErasureBegun.Pass()
	} else {
		e.Say("an erasure of these customers was cut short; going on with it")
		for i, c := range j.Customers {
			e.who.commitments[c.Commitment] = ids[i]
		}
		if err := e.find(); err != nil {
			return nil, nil, err
		}
	}
	steps := []struct {
		what string
		do   func() error
	}{
		{"the customer key has forgotten them", j.replaceKey},
		{"every intake has the new key, and every ledger an erasure record", e.publish},
		{"nothing of them is left in the topics", e.trim},
	}
	for _, s := range steps {
		if err := s.do(); err != nil {
			return nil, nil, err
		}
		e.Say(s.what)
	}
	return e.certify()
}

// Finish forgets how far the erasure had come.
func Finish(keyFile string) error { return remove(journalOf(keyFile)) }

// Check judges the ids.
func Check(ids []string) error {
	if len(ids) == 0 {
		return errors.New("no customer is named: give each customer's id on a line of its own")
	}
	for i, id := range ids {
		if id == "" || len(id) > customers.MaxID {
			return fmt.Errorf("id %d has %d bytes; an id has 1 to %d", i+1, len(id), customers.MaxID)
		}
	}
	return nil
}

// erasure is an erasure in progress.
type erasure struct {
	Options
	ctx     context.Context
	journal *journal
	who     *who
	ledgers string // deployment/environment
	cases   int64  // of theirs in the ledgers
	erased  int64  // when the last erasure in the ledgers says it was
	starts  map[stage.TopicPartition]int64
}

// begin finds what there is to erase, and writes down what is to be done before any of it is.
func (e *erasure) begin(ids []string) error {
	key, err := customers.Load(e.KeyFile)
	if err != nil {
		return err
	}
	for _, id := range ids {
		salt := key.Salt(id)
		c := customer{salt, customers.Commitment(salt, id)}
		e.journal.Customers = append(e.journal.Customers, c)
		e.who.commitments[c.Commitment] = id
	}
	if err := e.settled(); err != nil {
		return err
	}
	if err := e.find(); err != nil {
		return err
	}
	if len(e.who.open) > 0 {
		return fmt.Errorf("%w: %d of them, such as %q: close them, or wait until they are over; what a desk has in hand is not taken away from it", ErrOpen, len(e.who.open), e.who.open[0])
	}
	if len(e.who.cases) == 0 && !e.who.seen {
		return ErrNothing
	}
	if n := e.who.strangers(); n > 0 {
		e.Say(fmt.Sprintf("of %d of the %d customers nothing is in a ledger or a topic; if the chat platform spells their ids otherwise, erase those too", n, len(ids)))
	}
	return e.journal.begin(e, key.Erase(ids...))
}

// certify writes the certificate.
func (e *erasure) certify() ([]byte, []string, error) {
	var order schemas.LedgerOrder
	if err := order.DecodeAvro(e.journal.Order); err != nil {
		return nil, nil, err
	}
	x := order.Erase.Value
	says := record.Erasure{CaseIDsSHA256: record.Hash(x.Erasure.CaseIDsSHA256), ErasedAt: x.Erasure.ErasedAt}
	receipts, keys, err := export.Erasures(e.ctx, e.Export, says)
	if err != nil {
		return nil, nil, err
	}
	c := record.Certificate{Ledgers: order.Ledgers, Erasure: says, Customers: int64(len(e.journal.Customers)), Cases: e.journal.Cases}
	for _, r := range receipts {
		c.Receipts = append(c.Receipts, r.Text())
	}
	text, err := c.Sign(e.Key)
	return text, keys, err
}
