package clickhouse

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/gzip"
)

// unpack checks the package and takes the library alone out of it.
func (rel release) unpack(ctx context.Context, packed, whole string, progress io.Writer) (err error) {
	in, err := os.Open(packed)
	if err != nil {
		return err
	}
	defer in.Close()
	hash := sha512.New()
	if _, err := io.Copy(hash, in); err != nil {
		return err
	}
	if got := base64.StdEncoding.EncodeToString(hash.Sum(nil)); got != rel.packedHash {
		return fmt.Errorf("%s isn't the package this version of casetrail was built for: its SHA-512 is %s and should be %s", rel.spec, got, rel.packedHash)
	}
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		return err
	}
	z, err := gzip.NewReader(in)
	if err != nil {
		return err
	}
	for t := tar.NewReader(z); ; {
		head, err := t.Next()
		if err == io.EOF {
			return fmt.Errorf("%s holds no libchdb.so", rel.spec)
		}
		if err != nil {
			return err
		}
		if head.Name == "package/libchdb.so" && head.Typeflag == tar.TypeReg {
			return rel.writeLibrary(ctx, t, whole, progress)
		}
	}
}

func (rel release) writeLibrary(ctx context.Context, from io.Reader, whole string, progress io.Writer) (err error) {
	m, err := newMeter(progress, "Unpacking the ClickHouse engine", rel.librarySize)
	if err != nil {
		return err
	}
	out, err := os.OpenFile(whole, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	hash := sha256.New()
	n, err := io.Copy(io.MultiWriter(out, hash, m), io.LimitReader(contextReader{ctx, from}, rel.librarySize+1))
	if err != nil {
		return err
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != rel.libraryHash {
		return fmt.Errorf("libchdb.so in %s isn't the one this version of casetrail was built for: %d bytes, SHA-256 %s", rel.spec, n, got)
	}
	// On disk before it gets its name: Fetch trusts a library of that name and size.
	if err := out.Sync(); err != nil {
		return err
	}
	return m.finish()
}

// contextReader ends with its context.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
