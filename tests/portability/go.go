// SPDX-License-Identifier: Apache-2.0

// go PORT OTHER FILE: a server, static, whose requests go from thread to thread: of /work it asks the one at
// port OTHER, of /many eight times at once; of /tls it asks itself inside TLS; of /notes it writes to
// FILE and to standard output what may be taken for a request; of /quit it ends.
package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
)

func get(client *http.Client, url string) {
	answer, err := client.Get(url)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	io.Copy(io.Discard, answer.Body)
	answer.Body.Close()
}

func main() {
	other := "http://127.0.0.1:" + os.Args[2]
	answers := func(path string, work func()) {
		http.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			work()
			fmt.Fprintln(w, "ok")
		})
	}
	answers("/quick", func() {})
	answers("/work", func() { get(http.DefaultClient, other+"/ok?token=secret") })
	answers("/many", func() {
		var all sync.WaitGroup

		for i := 0; i < 8; i++ {
			all.Add(1)
			go func(i int) {
				defer all.Done()
				get(http.DefaultClient, fmt.Sprintf("%s/many%d", other, i))
			}(i)
		}
		all.Wait()
	})
	answers("/tls", func() {
		safe := httptest.NewTLSServer(http.NotFoundHandler())

		get(safe.Client(), safe.URL+"/hidden")
		safe.Close()
	})
	answers("/notes", func() {
		note := []byte("POST /noted HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")

		os.Stdout.Write(note)
		os.WriteFile(os.Args[3], note, 0o600)
	})
	http.HandleFunc("/quit", func(http.ResponseWriter, *http.Request) { os.Exit(0) })
	fmt.Fprintln(os.Stderr, http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
