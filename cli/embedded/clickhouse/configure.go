package clickhouse

import (
	"encoding/hex"
	"strings"
)

// configure puts a request's database and settings on the connection. The undo it returns takes them off again:
// they belong to the request, while what a session SETs or USEs itself stays.
func configure(c *conn, r *request) (undo func() error, err error) {
	settings, err := r.settings()
	if err != nil {
		return nil, err
	}
	settings["log_comment"] = strings.TrimSpace(r.params.Get("log_comment") + " " + r.id)
	var back []string
	if r.sessionID() == "" {
		if r.readonly() {
			settings["readonly"] = "2"
		}
	} else if back, err = before(c, r, settings); err != nil {
		return nil, err
	}
	if db := r.params.Get("database"); db != "" {
		if err := c.exec("USE " + quoteName(db)); err != nil {
			return nil, err
		}
	}
	if err := r.loadExternal(c); err != nil {
		return nil, err
	}
	// readonly last: it forbids to change the others.
	var set []string
	for name, v := range settings {
		if name != "readonly" {
			set = append(set, name+"="+quote(v))
		}
	}
	if v, ok := settings["readonly"]; ok {
		set = append(set, "readonly="+quote(v))
	}
	undo = func() error {
		for _, sql := range back {
			if err := c.exec(sql); err != nil {
				return err
			}
		}
		return nil
	}
	if err := c.exec("SET " + strings.Join(set, ", ")); err != nil {
		return nil, err
	}
	return undo, nil
}

// before says how to bring a session back to where it is now.
func before(c *conn, r *request, settings map[string]string) ([]string, error) {
	var back []string
	for name := range settings {
		if name == "readonly" {
			return nil, exception(164, "READONLY", "readonly can't be set on a session's request")
		}
		row, err := c.row("SELECT toUInt8(changed), hex(value) FROM system.settings WHERE name=" + quote(name))
		if err != nil {
			return nil, err
		}
		switch {
		case len(row) == 2 && row[0] == "1":
			value, err := hex.DecodeString(row[1])
			if err != nil {
				return nil, err
			}
			back = append(back, "SET "+name+"="+quote(string(value)))
		case len(row) == 2:
			back = append(back, "SET "+name+"=DEFAULT")
		}
	}
	if r.params.Get("database") == "" {
		return back, nil
	}
	row, err := c.row("SELECT hex(currentDatabase())")
	if err != nil {
		return nil, err
	}
	name, err := hex.DecodeString(row[0])
	return append(back, "USE "+quoteName(string(name))), err
}
