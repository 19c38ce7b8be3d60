package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// Whoever is erased is whoever stands on a line, to the byte.
func TestWhomStandardInputNames(t *testing.T) {
	long := strings.Repeat("x", 128)
	for in, want := range map[string][]string{
		"anna\n":                   {"anna"},
		"anna":                     {"anna"},
		"anna\r\nbert\r\n":         {"anna", "bert"},
		"\n\nanna\n\r\n\nbert\n\n": {"anna", "bert"},
		"anna\nanna\nbert\nanna\n": {"anna", "bert"},
		"\ufeffanna\n\ufeffbert\n": {"anna", "\ufeffbert"},
		"Änne\nÄnne\nA\u0308nne\n安娜 🦊\n": {"Änne", "A\u0308nne", "安娜 🦊"}, // an id is its bytes
		" anna \n\tbert\nanna\rbert\n":   {" anna ", "\tbert", "anna\rbert"},
		"\xff\xfe\n":                     {"\xff\xfe"},
		long + "\n":                      {long},
	} {
		got, err := readIDs(iotest.OneByteReader(strings.NewReader(in)))
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v; want %q", in, got, err, want)
		}
	}
	var many strings.Builder
	for i := range maxCustomers {
		fmt.Fprintf(&many, "customer %d\n", i)
	}
	if ids, err := readIDs(strings.NewReader(many.String() + "customer 7\n")); err != nil || len(ids) != maxCustomers {
		t.Errorf("%d ids, %v", len(ids), err)
	}
	for in, want := range map[string]string{
		"":                           "no customer is named",
		"\n\r\n\n":                   "no customer is named",
		"\n\nanna\n" + long + "x\n":  "line 4 has 129 bytes",
		strings.Repeat("x", 1<<20):   "token too long",
		many.String() + "one more\n": "more than 100000 ids",
	} {
		if ids, err := readIDs(strings.NewReader(in)); err == nil || !strings.Contains(err.Error(), want) || ids != nil && !strings.Contains(want, "no customer") {
			t.Errorf("%.40q: %d ids, %v; want %q", in, len(ids), err, want)
		}
	}
	broken := errors.New("broken")
	if _, err := readIDs(io.MultiReader(strings.NewReader("anna\n"), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Errorf("a pipe that breaks: %v", err) // what came before it may be half a list
	}
}
