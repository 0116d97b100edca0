"""Make book/results/desk/answers: which test programs the desk models execute.

    python book/tools/ask_again.py

Records of the first studies hold accuracies, not answers. A comparison of two arms
program by program needs the answers, so the saved models are asked again. On another
processor a few of them may differ from the record; the tool says how many. A minute or
two, most of it for the corpus.
"""

from curriculum import files
from curriculum.evaluation import evaluate
from curriculum.evaluation.answers import Question, pack
from curriculum.experiments import experiment, records
from curriculum.experiments.spec import RESULTS


def main():
    for record in records.records("desk"):
        path = records.answers_path(record, RESULTS)
        arm = experiment.resolve(records.experiment(record))
        weights = RESULTS / "desk" / f"{record['name']}.safetensors"
        model, _ = records.load_model(weights)
        question = Question("execution", "exact", record["spec"]["seed"])
        (found,) = evaluate.ask(model, arm.data.corpus, arm.test_ids(), [question])
        files.write_json(path, pack([found]))
        kept = record["results"]["exact"]["execution"]
        right = kept["right"] + kept["empty"]["right"]
        print(f"{record['name']}: {found.right.sum()} right, {right} in the record")


if __name__ == "__main__":
    main()
