#!/usr/bin/env bash
# feelin==8.2.0, org.camunda.feel:feel-engine==1.21.0: three times 1.1 is not 3.3 in FEEL
#
# Our guess: FEEL, the language of DMN's rules, counts in decimals, by its standard 34 digits of
# them, so that a rule may compare sums of money; feelin, which is JavaScript, does so too.
# Seen: feelin counts with JavaScript's doubles. Three items at 1.1 cost more than 3.3, 0.29 of 100
# is 28 when it is rounded down, and an order of exactly the limit is above it, where Camunda's
# engine in Java says otherwise to the same rule. A rule that was tried in a browser so is not yet a
# rule of the engine. Cents, as whole numbers, are the same for both.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund feelin@8.2.0

engine="org.camunda.feel:feel-engine==1.21.0"
cat >pom.xml <<POM
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>rules</groupId>
  <artifactId>rules</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>${engine%:*}</groupId>
      <artifactId>feel-engine</artifactId>
      <version>${engine#*==}</version>
    </dependency>
  </dependencies>
</project>
POM
mvn --quiet --batch-mode dependency:copy-dependencies -DoutputDirectory=lib

cat >rules.txt <<'FEEL'
if 3 * 1.1 > 3.3 then "ask" else "pay"
if sum([0.1, 0.2]) > 0.3 then "ask" else "pay"
if 3 * 110 > 330 then "ask" else "pay"
floor(0.29 * 100)
4.35 * 100
100 - 99.99
FEEL

cat >program.mjs <<'JAVASCRIPT'
import { evaluate } from "feelin";
import { readFileSync } from "node:fs";

for (const rule of readFileSync("rules.txt", "utf8").trim().split("\n")) {
  console.log(`${rule}: ${evaluate(rule, {}).value}`);
}
JAVASCRIPT

cat >Program.java <<'JAVA'
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.camunda.feel.api.FeelEngineBuilder;

public class Program {
  public static void main(String[] arguments) throws Exception {
    var engine = FeelEngineBuilder.forJava().build();
    for (var rule : Files.readAllLines(Path.of("rules.txt"))) {
      System.out.println(rule + ": " + engine.evaluateExpression(rule, Map.of()).result());
    }
  }
}
JAVA

diff - <(
  echo "JavaScript"
  node program.mjs
  echo "Java"
  java -cp "lib/*" Program.java 2>java.log
) <<'SEEN'
JavaScript
if 3 * 1.1 > 3.3 then "ask" else "pay": ask
if sum([0.1, 0.2]) > 0.3 then "ask" else "pay": ask
if 3 * 110 > 330 then "ask" else "pay": pay
floor(0.29 * 100): 28
4.35 * 100: 434.99999999999994
100 - 99.99: 0.010000000000005116
Java
if 3 * 1.1 > 3.3 then "ask" else "pay": pay
if sum([0.1, 0.2]) > 0.3 then "ask" else "pay": pay
if 3 * 110 > 330 then "ask" else "pay": pay
floor(0.29 * 100): 29
4.35 * 100: 435
100 - 99.99: 0.01
SEEN
echo "As before, with feelin 8.2.0 and feel-engine 1.21.0."
