"""A table in, a table and a picture out."""

import matplotlib.pyplot as plt
import pandas as pd

sales = pd.read_csv("in/sales.csv", parse_dates=["day"])
total = sales.groupby("shop")["amount"].sum()
total.to_csv("out/total.csv")
total.plot.bar(title="Sales — Überblick")
plt.savefig("out/total.png")
print(total.to_dict())
