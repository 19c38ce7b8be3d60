//go:build !unix

package broker

import "os"

// lockDir only makes the file: there is no lock that dies with its process here.
func lockDir(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
}
