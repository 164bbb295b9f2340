// SPDX-License-Identifier: Apache-2.0
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.stream.IntStream;

class Client {
	static void byHttpClient(String url) throws Exception {
		var client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
		for (var path : new String[] { "/ok", "/chunks", "/redirect", "/status/404" }) {
			var request = HttpRequest.newBuilder(URI.create(url + path)).build();
			var response = client.send(request, BodyHandlers.ofString());
			System.out.println(response.statusCode() + " " + response.body());
		}
		var post = HttpRequest.newBuilder(URI.create(url + "/echo"))
			.POST(HttpRequest.BodyPublishers.ofString("body")).build();
		System.out.println(client.sendAsync(post, BodyHandlers.ofString()).get().body());
	}

	static void many(String url) throws Exception {
		var client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
		var all = IntStream.range(0, 200)
			.mapToObj(n -> HttpRequest.newBuilder(URI.create(url + "/ok?" + n)).build())
			.map(request -> client.sendAsync(request, BodyHandlers.ofString())).toList();
		for (var one : all)
			System.out.print(one.get().body());
	}

	static void byConnection(String url) throws Exception {
		for (var path : new String[] { "/ok", "/chunked", "/redirect", "/echo" }) {
			var connection = (HttpURLConnection) URI.create(url + path).toURL().openConnection();
			if (path.equals("/echo")) {
				connection.setDoOutput(true);
				connection.getOutputStream().write("body".getBytes());
			}
			try (InputStream in = connection.getInputStream()) {
				System.out.println(connection.getResponseCode() + " " + new String(in.readAllBytes()));
			}
		}
	}

	public static void main(String[] args) throws Exception {
		if (args[0].equals("HttpClient"))
			byHttpClient(args[1]);
		else if (args[0].equals("many"))
			many(args[1]);
		else
			byConnection(args[1]);
	}
}
