# SPDX-License-Identifier: Apache-2.0
# Sourced: nginx with two workers as the service `front`; upstream_keepalive=N keeps connections.
. "$(dirname "$0")/causality/lib.sh"
need nginx
origin
front=$(free_port)
upstream_lines=
[ "${upstream_keepalive:-}" ] &&
	upstream_lines='proxy_http_version 1.1; proxy_set_header Connection "";'
cat >"$dir/nginx.conf" <<END
worker_processes 2;
daemon off;
error_log stderr crit;
pid $dir/nginx.pid;
events { worker_connections 256; }
http {
	access_log off;
	client_body_temp_path $dir/body;
	proxy_temp_path $dir/proxy;
	fastcgi_temp_path $dir/fastcgi;
	uwsgi_temp_path $dir/uwsgi;
	scgi_temp_path $dir/scgi;
	upstream origin {
		server 127.0.0.1:$back;
		${upstream_keepalive:+keepalive $upstream_keepalive;}
	}
	server {
		listen 127.0.0.1:$front;
		location / {
			proxy_pass http://origin;
			$upstream_lines
		}
	}
}
END
chmod -R a+rwX "$dir"
traced front nginx -c "$dir/nginx.conf"
ready "$front"
