"""Two fits: one in this process with the threads of its numeric libraries, one in worker processes."""

from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

x, y = load_iris(return_X_y=True)
print(LogisticRegression(max_iter=500).fit(x, y).score(x, y) > 0.9)
forest = RandomForestClassifier(20, random_state=0)
print(cross_val_score(forest, x, y, cv=3, n_jobs=2).mean() > 0.9)
