package kafka

import (
	"context"
	"sync/atomic"

	"github.com/segmentio/kafka-go/sasl"
)

// login counts the logins that were begun and those that succeeded. Some brokers refuse a login by closing the
// connection, which looks like any other broken connection otherwise.
type login struct {
	sasl.Mechanism
	begun, done atomic.Int64
}

// refusals is how many logins must have failed, and none succeeded, before a closed connection counts as a refusal.
const refusals = 3

func (l *login) refused() bool { return l.begun.Load() >= refusals && l.done.Load() == 0 }

// Start implements sasl.Mechanism.
func (l *login) Start(ctx context.Context) (sasl.StateMachine, []byte, error) {
	l.begun.Add(1)
	m, first, err := l.Mechanism.Start(ctx)
	return &loginState{m, l}, first, err
}

type loginState struct {
	sasl.StateMachine
	login *login
}

// Next implements sasl.StateMachine.
func (s *loginState) Next(ctx context.Context, challenge []byte) (bool, []byte, error) {
	done, answer, err := s.StateMachine.Next(ctx, challenge)
	if done && err == nil {
		s.login.done.Add(1)
	}
	return done, answer, err
}
