#!/usr/bin/env bash
# temporalio==1.35.0, pydantic==2.14.3, go.temporal.io/sdk==1.51.0, io.temporal:temporal-sdk==1.38.0: an hour from Go is a billion hours in Java and Python
#
# Our guess: a duration, which each of Temporal's SDKs has a type for and asks for everywhere, goes
# from a client in one language to a workflow in another as what it is, or is refused there.
# Seen: Go's converter writes it as nanoseconds, and takes any whole number for such; Java writes
# seconds, Python's for Pydantic PT1H, and both take numbers for seconds. So a deadline of an hour
# from Go is one in 114,000 years, without an error, and 3600 seconds are over in Go at once. PT1H,
# and the seconds with their nine zeros from Java, are errors in Go. A moment in time, or a number
# whose name says its unit, is the same in all of them.
set -euo pipefail

folder=$(mktemp -d)
trap 'chmod -R u+w "$folder" && rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check temporalio==1.35.0 pydantic==2.14.3
export GOPATH=$folder/go GOFLAGS=-mod=mod
go mod init finding 2>>log
go get go.temporal.io/sdk@v1.51.0 2>>log

sdk="io.temporal:temporal-sdk==1.38.0"
cat >pom.xml <<POM
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>finding</groupId>
  <artifactId>finding</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>${sdk%:*}</groupId>
      <artifactId>temporal-sdk</artifactId>
      <version>${sdk#*==}</version>
    </dependency>
  </dependencies>
</project>
POM
mvn --quiet --batch-mode dependency:copy-dependencies -DoutputDirectory=lib

# Each program writes an hour, and reads what it is given.
cat >program.py <<'PYTHON'
import asyncio
import sys
from datetime import timedelta

from pydantic import BaseModel
from temporalio.contrib.pydantic import pydantic_data_converter


class Ask(BaseModel):
    wait: timedelta


async def main() -> None:
    [payload] = await pydantic_data_converter.encode([Ask(wait=timedelta(hours=1))])
    print("Python writes", payload.data.decode())
    for text in sys.argv[1:]:
        payload.data = text.encode()
        [ask] = await pydantic_data_converter.decode([payload], [Ask])
        print(f"- of {text} it reads", ask.wait)


asyncio.run(main())
PYTHON

cat >program.go <<'GO'
package main

import (
	"fmt"
	"os"
	"time"

	"go.temporal.io/sdk/converter"
)

type Ask struct {
	Wait time.Duration `json:"wait"`
}

func main() {
	payload, _ := converter.GetDefaultDataConverter().ToPayload(Ask{time.Hour})
	fmt.Println("Go writes", string(payload.Data))
	for _, text := range os.Args[1:] {
		var ask Ask
		payload.Data = []byte(text)
		if err := converter.GetDefaultDataConverter().FromPayload(payload, &ask); err != nil {
			fmt.Println("- of", text, "it reads nothing: an error")
		} else {
			fmt.Println("- of", text, "it reads", ask.Wait)
		}
	}
}
GO

cat >Program.java <<'JAVA'
import com.google.protobuf.ByteString;
import io.temporal.common.converter.GlobalDataConverter;
import java.time.Duration;

public class Program {
  public static class Ask {
    public Duration wait = Duration.ofHours(1);
  }

  public static void main(String[] texts) {
    var converter = GlobalDataConverter.get();
    var payload = converter.toPayload(new Ask()).get();
    System.out.println("Java writes " + payload.getData().toStringUtf8());
    for (var text : texts) {
      var sent = payload.toBuilder().setData(ByteString.copyFromUtf8(text)).build();
      var ask = converter.fromPayload(sent, Ask.class, Ask.class);
      System.out.println("- of " + text + " it reads " + ask.wait);
    }
  }
}
JAVA

hours=('{"wait":3600000000000}' '{"wait":3600.000000000}' '{"wait":"PT1H"}' '{"wait":3600}')
diff - <(
  go run program.go "${hours[@]}" 2>>log
  java -cp "lib/*" Program.java "${hours[@]}" 2>>log
  venv/bin/python program.py "${hours[@]}"
) <<'SEEN'
Go writes {"wait":3600000000000}
- of {"wait":3600000000000} it reads 1h0m0s
- of {"wait":3600.000000000} it reads nothing: an error
- of {"wait":"PT1H"} it reads nothing: an error
- of {"wait":3600} it reads 3.6µs
Java writes {"wait":3600.000000000}
- of {"wait":3600000000000} it reads PT1000000000H
- of {"wait":3600.000000000} it reads PT1H
- of {"wait":"PT1H"} it reads PT1H
- of {"wait":3600} it reads PT1H
Python writes {"wait":"PT1H"}
- of {"wait":3600000000000} it reads 41666666 days, 16:00:00
- of {"wait":3600.000000000} it reads 1:00:00
- of {"wait":"PT1H"} it reads 1:00:00
- of {"wait":3600} it reads 1:00:00
SEEN
echo "As before, with temporalio 1.35.0, go.temporal.io/sdk 1.51.0 and temporal-sdk 1.38.0."
