package sign

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/pipelines/stage/memory"
	"github.com/casetrail/casetrail/record"
)

// remoteKey is a key behind HTTP, as a KMS has it: it bounds its calls, and does not try again.
type remoteKey struct {
	url  string
	pub  ed25519.PublicKey
	http *http.Client
}

func (k *remoteKey) Public() crypto.PublicKey { return k.pub }

func (k *remoteKey) Sign(_ io.Reader, msg []byte, opts crypto.SignerOpts) ([]byte, error) {
	if opts.HashFunc() != 0 {
		return nil, errors.New("asked for a digest's signature")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, k.url, bytes.NewReader(msg))
	if err != nil {
		return nil, err
	}
	resp, err := k.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	sig, err := io.ReadAll(io.LimitReader(resp.Body, 1000))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("the key's holder: %s", resp.Status)
	}
	return sig, err
}

// holder is the other side: it fails, is too slow, answers wrongly, and signs without its answer being heard.
type holder struct {
	key    ed25519.PrivateKey
	mu     sync.Mutex
	rand   *rand.Rand
	signed map[string][]byte // the payload by ledger and sequence
	twice  error
}

func (h *holder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	msg, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	fate := h.rand.IntN(60)
	if fate == 0 {
		http.Error(w, "busy", http.StatusServiceUnavailable)
		return
	}
	sig := ed25519.Sign(h.key, msg)
	h.note(msg)
	switch fate {
	case 1:
		<-r.Context().Done() // too slow, and signed all the same
	case 2:
		sig[7] ^= 1
	case 3:
		sig = sig[:40]
	}
	_, _ = w.Write(sig)
}

// note remembers what was signed of a sequence.
func (h *holder) note(msg []byte) {
	_, payload, ok := bytes.Cut(msg, []byte(" "+record.PayloadType+" "))
	if !ok {
		return // a checkpoint
	}
	_, payload, _ = bytes.Cut(payload, []byte(" "))
	s, err := record.Decode(append(bytes.Clone(payload), make([]byte, 68)...))
	if err != nil {
		h.twice = err
		return
	}
	at := fmt.Sprint(s.Ledger, s.Sequence)
	if before, ok := h.signed[at]; ok && !bytes.Equal(before, payload) {
		h.twice = fmt.Errorf("%s sequence %d was signed twice, differently", s.Ledger, s.Sequence)
	}
	h.signed[at] = bytes.Clone(payload)
}

// A key that lives in another process and fails every so often stops the signer, cleanly: started again, it goes on to the very
// bytes that the same key in memory gives, nothing is signed twice differently, and no wrong answer is published.
func TestAKeyElsewhere(t *testing.T) {
	whole := history(t, 60)
	drain(t, whole, newStore(), 4)
	here := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize))
	h := &holder{key: here, rand: rand.New(rand.NewPCG(1, 2)), signed: map[string][]byte{}}
	server := httptest.NewServer(h)
	defer server.Close()
	client := server.Client()
	defer client.CloseIdleConnections()
	key, err := record.NewSigner("casetrail-test", &remoteKey{server.URL, here.Public().(ed25519.PublicKey), client})
	if err != nil {
		t.Fatal(err)
	}
	l, store := copyInput(whole), newStore()
	def := Definition(codec, Keys{key, testKey(t, rotated)}, prefix, store)
	stops := 0
	for {
		s, err := memory.Start(l, def, 0)
		if err == nil {
			err = s.Drain(4)
		}
		if err == nil {
			break
		}
		if errors.Is(err, stage.ErrReject) || errors.Is(err, ErrFork) || errors.Is(err, ErrLost) || !strings.Contains(err.Error(), `key "casetrail-test"`) {
			t.Fatal(err)
		}
		if stops++; stops > 1000 {
			t.Fatal("it never comes to its end")
		}
		audit(t, l) // whatever is published is valid
	}
	if h.twice != nil {
		t.Error(h.twice)
	}
	if got, want := allOutputs(l), allOutputs(whole); !reflect.DeepEqual(got, want) {
		t.Error("the outputs differ from those of the same key in memory")
	}
	if stops == 0 {
		t.Error("the key never failed")
	}
	t.Logf("stopped %d times", stops)
}
