package clickhouse

import (
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// wire is a request's body as it comes. It moves the connection's read deadline along, so that a body may take
// as long as it likes but not stand still, and remembers how it ended.
type wire struct {
	r       io.Reader
	control *http.ResponseController
	renew   time.Time
	err     error
}

func (w *wire) Read(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	if now := time.Now(); now.After(w.renew) {
		// A connection that can't have deadlines (a test's recorder) is as good without.
		_ = w.control.SetReadDeadline(now.Add(stallTimeout))
		w.renew = now.Add(stallTimeout / 10)
	}
	n, err := w.r.Read(p)
	if err != nil {
		w.err = err
		// From here on net/http watches the connection for the client's leaving; a deadline would look like that.
		_ = w.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// body is a request's data unpacked. It ends with io.EOF only if the client sent all of it: a decoder that is
// content with less doesn't turn a torn body into a whole one.
type body struct {
	wire    *wire
	decoded io.Reader
	close   func()
}

func newBody(w http.ResponseWriter, r *http.Request, frame bool) (*body, error) {
	in := &wire{r: r.Body, control: http.NewResponseController(w)}
	b := &body{wire: in, decoded: in, close: func() {}}
	var err error
	switch encoding := r.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
	case "gzip":
		b.decoded, err = gzip.NewReader(in)
	case "deflate":
		b.decoded, err = zlib.NewReader(in)
	case "br":
		b.decoded = brotli.NewReader(in)
	case "zstd":
		var z *zstd.Decoder
		z, err = zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxFrame))
		if err == nil {
			b.decoded, b.close = z, z.Close
		}
	case "lz4":
		b.decoded = lz4.NewReader(in)
	default:
		err = exception(48, "NOT_IMPLEMENTED", "Unknown Content-Encoding %q", encoding)
	}
	if err == nil && frame {
		b.decoded = &frames{r: b.decoded}
	}
	return b, err
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.decoded.Read(p)
	if err == io.EOF {
		err = b.wire.ended()
	}
	return n, err
}

// ended is io.EOF after a whole body, else what went wrong with it.
func (w *wire) ended() error {
	for w.err == nil {
		var one [1]byte
		if n, _ := w.Read(one[:]); n > 0 {
			return exception(271, "CANNOT_DECOMPRESS", "The compressed body goes on after its end")
		}
	}
	return w.err
}
