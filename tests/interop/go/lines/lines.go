// Package lines is how a test talks with a program: one JSON object a line, in on the standard input, out on the
// standard output. It must never write anything else there.
package lines

import (
	"bufio"
	"encoding/json"
	"os"
	"sync"
)

// Event is what a program says.
type Event map[string]any

var out sync.Mutex

// Say writes one event, whole.
func Say(event Event) {
	text, err := json.Marshal(event)
	if err != nil {
		text, _ = json.Marshal(Event{"event": "failed", "why": err.Error()})
	}
	out.Lock()
	defer out.Unlock()
	os.Stdout.Write(append(text, '\n'))
}

// Each calls do with every command until the test closes the input.
func Each[C any](do func(C)) {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 32<<20)
	for in.Scan() {
		var command C
		if err := json.Unmarshal(in.Bytes(), &command); err != nil {
			Say(Event{"event": "failed", "why": "a command that is not understood: " + err.Error()})
			continue
		}
		do(command)
	}
}
