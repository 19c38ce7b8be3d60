package record

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// Feed hands a Verifier bodies and checkpoints in the order of the ledger, and has what can be done to each by itself done
// on all cores. What is found does not depend on how many there are. After a fault it takes no more, and Finish names it.
type Feed struct {
	v        *Verifier
	ahead    *Ahead[item]
	unsigned bool
	progress func(records int64)
}

// item is a record, a checkpoint, or the line of an export that is one of them.
type item struct {
	Prepared
	number   int64  // the line's in its file; 0 where there is no file
	line     []byte // where there is one
	sequence int64  // the body's, as whoever has it says
	note     []byte
	err      *Fault // it is neither
	memory   []byte
	decoded  []byte
}

// Feed begins to read. unsigned leaves the records' signatures out, but for those of rotations, as VerifyExportUnsigned does.
// progress, if not nil, is called after each record and checkpoint.
func (v *Verifier) Feed(unsigned bool, progress func(records int64)) *Feed {
	if progress == nil {
		progress = func(int64) {}
	}
	f := &Feed{v: v, unsigned: unsigned, progress: progress}
	f.ahead = NewAhead((*item).work, f.take)
	return f
}

// Record hands over the next body, which is copied, and the sequence that is said to be its. It tells whether to go on.
func (f *Feed) Record(sequence int64, body []byte) bool {
	return f.add(func(it *item) {
		it.memory = append(it.memory[:0], body...)
		it.sequence, it.body = sequence, it.memory
	})
}

// Checkpoint hands over a checkpoint's note, which is kept. It tells whether to go on.
func (f *Feed) Checkpoint(note []byte) bool { return f.add(func(it *item) { it.note = note }) }

// line hands over a line of an export, which is copied.
func (f *Feed) line(text []byte, number int64) bool {
	return f.add(func(it *item) {
		it.memory = append(it.memory[:0], text...)
		it.line, it.number = it.memory, number
	})
}

func (f *Feed) add(fill func(*item)) bool {
	it, err := f.ahead.Next()
	if err != nil {
		return false
	}
	it.line, it.number, it.note, it.err = nil, 0, nil, nil
	f.v.chain.Load(&it.Prepared, nil, f.unsigned)
	fill(it)
	return true
}

// Finish says that there is no more, and returns what was found or the first fault.
func (f *Feed) Finish() (Report, error) {
	if err := f.ahead.Finish(); err != nil {
		return Report{}, err
	}
	return f.v.Finish()
}

// work is what needs no other item.
func (it *item) work() {
	if it.number > 0 && !it.plain() {
		it.parse()
	}
	if it.err == nil && it.note == nil {
		it.Prepare()
	}
}

// plain reads a record's line as ExportWriter writes it, at a tenth of the cost of parsing JSON. For any other line, which may
// mean the same, it is false.
func (it *item) plain() bool {
	rest, ok := bytes.CutPrefix(it.line, []byte(beforeSequence))
	digits, rest, found := bytes.Cut(rest, []byte(beforeBody))
	text, end := bytes.CutSuffix(rest, []byte(afterBody))
	n, err := strconv.ParseInt(string(digits), 10, 64)
	if !ok || !found || !end || err != nil || strconv.FormatInt(n, 10) != string(digits) || bytes.IndexByte(text, '\r') >= 0 || bytes.IndexByte(text, '\n') >= 0 {
		return false
	}
	it.decoded, err = base64.StdEncoding.AppendDecode(it.decoded[:0], text)
	it.sequence, it.body = n, it.decoded
	return err == nil
}

// parse reads a line as JSON.
func (it *item) parse() {
	var l exportLine
	err := json.Unmarshal(it.line, &l)
	switch {
	case err != nil:
	case l.Checkpoint != nil && l.Sequence == nil && l.Body == nil:
		it.note = []byte(*l.Checkpoint)
		return
	case l.Checkpoint == nil && l.Sequence != nil:
		it.sequence, it.body = *l.Sequence, l.Body
		return
	default:
		err = errors.New("is neither a record nor a checkpoint")
	}
	it.err = fileFault(it.number, "line", err)
}

// take is what needs the items before.
func (f *Feed) take(it *item) error {
	c := f.v.chain
	switch {
	case it.err != nil:
		return c.fault(it.err)
	case it.note != nil:
		if err := f.v.Checkpoint(it.note); err != nil {
			return err
		}
	default:
		if err := f.v.take(&it.Prepared); err != nil {
			return err
		}
		if it.Sequence != it.sequence {
			said := fmt.Sprintf("stands where it is said to be %d", it.sequence)
			if it.number > 0 {
				said = fmt.Sprintf("stands in a line (%d) that says %d", it.number, it.sequence)
			}
			return c.at(&it.Signed, "sequence", Malformed, said)
		}
	}
	f.progress(c.Size())
	return nil
}
