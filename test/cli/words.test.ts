import { UserError } from "swinyolo/data";
import { describe, expect, test } from "vitest";
import { parseWords } from "../../dist/cli/overrides.js";

describe("words become options", () => {
  test.each<[string, string[], Record<string, string | boolean>]>([
    ["name=value", ["epochs=3", "data=a b.yaml"], { epochs: "3", data: "a b.yaml" }],
    ["--name value", ["--epochs", "3", "--img-size", "320"], { epochs: "3", "img-size": "320" }],
    ["--name=value", ["--epochs=3", "-o=4"], { epochs: "3", o: "4" }],
    ["a bare name", ["rect"], { rect: true }],
    ["a bare --name", ["--rect", "--cos-lr"], { rect: true, "cos-lr": true }],
    ["a bare --name before name=value", ["--rect", "epochs=3"], { rect: true, epochs: "3" }],
    ["a list in one word", ["classes=0,2,3"], { classes: "0,2,3" }],
    ["a list of words", ["--classes", "0", "2", "3", "--rect"], { classes: "0,2,3", rect: true }],
    ["a list of words before name=value", ["--classes", "0", "2", "conf=0.5"], { classes: "0,2", conf: "0.5" }],
    ["a bare name after a value", ["--conf", ".4", "nosave"], { conf: ".4", nosave: true }],
    ["a bare name after a list", ["--classes", "0", "2", "nosave"], { classes: "0,2", nosave: true }],
    ["a negative value", ["--imgsz", "-5"], { imgsz: "-5" }],
    ["a value with = in it", ["data=a=b.yaml", "--name=x=y"], { data: "a=b.yaml", name: "x=y" }],
    ["an empty value", ["weights=", "--cfg", ""], { weights: "", cfg: "" }],
    ["a path", ["--source", "/a/b.jpg", "--project", "./out"], { source: "/a/b.jpg", project: "./out" }],
    ["nothing", [], {}],
  ])("%s", (_, words, expected) => expect(parseWords(words)).toEqual(expected));

  test.each<[string, string[], RegExp]>([
    ["a value without a name", ["yolov5n.yaml"], /^"yolov5n.yaml": an option as name=value expected$/],
    ["a value after a bare name", ["model", "yolov5n.yaml"], /"yolov5n.yaml"/],
    ["a second text after a --name", ["--weights", "a.pt", "b.pt"], /^"b.pt": an option as name=value expected$/],
    ["a name given twice", ["epochs=3", "--epochs", "4"], /^epochs is given twice$/],
    ["only dashes", ["--"], /"--"/],
  ])("%s is refused", (_, words, message) => {
    expect(() => parseWords(words)).toThrow(UserError);
    expect(() => parseWords(words)).toThrow(message);
  });
});
