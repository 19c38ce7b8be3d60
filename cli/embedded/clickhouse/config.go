package clickhouse

import (
	"bytes"
	_ "embed"
	"encoding/xml"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"text/template"
)

//go:embed config.xml.tmpl
var configTemplate string

//go:embed users.xml
var usersXML []byte

// maxServerMemory bounds the engine, caches and all.
const maxServerMemory = 4 << 30

// writeConfig writes the engine's configuration below dir and returns its path. One is always named: left to
// itself the engine takes a config.xml that lies in the working directory.
func writeConfig(dir string) (string, error) {
	config, users := filepath.Join(dir, "casetrail-config.xml"), filepath.Join(dir, "casetrail-users.xml")
	t, err := template.New("config").Parse(configTemplate)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	err = t.Execute(&b, map[string]any{
		"Users": escape(users), "Backups": escape(filepath.Join(dir, "backups") + "/"), "Memory": maxServerMemory,
	})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(users, usersXML, 0o600); err != nil {
		return "", err
	}
	return config, os.WriteFile(config, b.Bytes(), 0o600)
}

func escape(s string) string {
	var b bytes.Buffer
	xml.EscapeText(&b, []byte(s)) // a buffer doesn't fail
	return b.String()
}

// prepareDefault makes "default" an Atomic database. Left alone, the engine makes it an Overlay, which has no
// refreshable views and no moves between databases, and takes 'any/file' for a table. The configuration gives that
// one another name; it would still take the UUID that the link metadata/default leads to, so the link goes first.
func prepareDefault(dir string) error {
	meta := filepath.Join(dir, "metadata")
	if err := os.MkdirAll(meta, 0o700); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(meta, "default")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(filepath.Join(meta, "default.sql"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString("ATTACH DATABASE _ UUID '" + newUUID() + "'\nENGINE = Atomic\n")
	return errors.Join(err, f.Close())
}
