package main

import "io"

func measure(out io.Writer, examples []*example, verbose bool) error { return nil }
