package verify

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	// bodyColumns is how ClickHouse begins what bodies asks for: two columns, their names and their types.
	bodyColumns = "\x02\x08sequence\x04body\x05Int64\x06String"
	// bodyBuffer is how much is read at once, and holds the largest record's body.
	bodyBuffer = 128 << 10
	// maxRowBody bounds what is no record's body any more, but is handed on to be refused as one.
	maxRowBody = 16 << 20
)

// bodies calls fn for sequence and body of the records that a query's end selects, until it fails, with its error. The body is
// fn's until it returns. It reads ClickHouse's RowBinary as it comes: the client's columns cost three copies of each body, and as
// much CPU as all else that is done to it.
func (c ClickHouse) bodies(ctx context.Context, where string, args []any, fn func(sequence int64, body []byte) error) error {
	stream, err := c.Conn.QueryFormat(ctx, "RowBinaryWithNamesAndTypes", "SELECT sequence, body FROM records "+where, args...)
	if err != nil {
		return err
	}
	defer stream.Close()
	return readBodies(stream, fn)
}

func readBodies(stream io.Reader, fn func(sequence int64, body []byte) error) error {
	rows := bufio.NewReaderSize(stream, bodyBuffer)
	head := make([]byte, len(bodyColumns))
	if _, err := io.ReadFull(rows, head); err != nil || string(head) != bodyColumns {
		return errors.Join(err, fmt.Errorf("ClickHouse answers with columns %q, not with those of a sequence and a body", head))
	}
	var large []byte
	for {
		sequence := head[:8]
		if _, err := io.ReadFull(rows, sequence); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		size, err := binary.ReadUvarint(rows)
		if err == nil && size > maxRowBody {
			err = fmt.Errorf("a row's body has %d bytes", size)
		}
		if err != nil {
			return cut(err)
		}
		var body []byte
		if size <= bodyBuffer {
			body, err = rows.Peek(int(size))
		} else {
			large = append(large[:0], make([]byte, size)...)
			body = large
			_, err = io.ReadFull(rows, body)
		}
		if err != nil {
			return cut(err)
		}
		if err := fn(int64(binary.LittleEndian.Uint64(sequence)), body); err != nil {
			return err
		}
		if size <= bodyBuffer {
			_, _ = rows.Discard(int(size)) // it has been peeked at
		}
	}
}

// cut is the error of an answer that ends in the middle of a row.
func cut(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
