package clickhouse

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
)

const (
	maxLog   = 4 << 20 // then the log is put aside when the engine starts
	tailSize = 2 << 10
)

// childLog is the file that the child's standard error goes to, and where in it this child's part begins.
type childLog struct {
	file *os.File
	from int64
}

func openLog(path string) (*childLog, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	case info.Size() > maxLog:
		if err := os.Rename(path, path+".old"); err != nil {
			return nil, err
		}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &childLog{f, end}, nil
}

// tail is the end of what the child has written, or "" if nothing can be had.
func (l *childLog) tail() string {
	end, err := l.file.Seek(0, io.SeekEnd)
	if err != nil {
		return ""
	}
	from := max(l.from, end-tailSize)
	b, err := io.ReadAll(io.NewSectionReader(l.file, from, end-from))
	if err != nil {
		return ""
	}
	if from > l.from { // begin with a whole line
		if _, rest, ok := bytes.Cut(b, []byte{'\n'}); ok {
			b = rest
		}
	}
	return string(bytes.TrimSpace(b))
}
