//go:build !unix

package clickhouse

import (
	"context"
	"os"
)

func lockDir(context.Context, string) (*os.File, error) { return nil, noLibrary() }
