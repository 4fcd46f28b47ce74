"""Names the graph that `index/graph.py` writes, apart from it so that serving need not import onnx."""

GRAPH_FORMAT = "e5-int8-7"
WEIGHTS_FILE = "model.weights"
