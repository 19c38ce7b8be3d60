package stage

import (
	"errors"
	"fmt"
)

// InputError says at which input a stage stopped.
type InputError struct {
	Input Record
	Err   error
}

func (e *InputError) Error() string {
	return fmt.Sprintf("%s/%d offset %d: %v", e.Input.Topic, e.Input.Partition, e.Input.Offset, e.Err)
}

func (e *InputError) Unwrap() error { return e.Err }

func isReject(err error) bool { return errors.Is(err, ErrReject) }
