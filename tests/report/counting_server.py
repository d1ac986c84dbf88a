# SPDX-License-Identifier: BSD-2-Clause
"""An HTTP server in a thread that counts what its clients do."""
import http.server
import threading
import time


class Server:
    """Answers with the path, and counts connections and requests at once."""

    def __enter__(self):
        counts = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                with counts.lock:
                    counts.connections += 1

            def do_GET(self):
                with counts.lock:
                    counts.now += 1
                    counts.most = max(counts.most, counts.now)
                time.sleep(0.05)
                with counts.lock:
                    counts.now -= 1
                body = self.path.encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.lock, self.connections, self.now, self.most = threading.Lock(), 0, 0, 0
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
